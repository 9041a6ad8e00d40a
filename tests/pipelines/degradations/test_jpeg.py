import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.degradations.jpeg import compress_jpeg, compress_jpeg_libjpeg

QUALITIES = (10, 30, 50, 80)


def pillow(picture, quality):
    file = io.BytesIO()
    Image.fromarray(np.rint(picture * 255).astype(np.uint8).squeeze()).save(
        file, "JPEG", quality=quality
    )
    return np.asarray(Image.open(file)).reshape(picture.shape)


def psnr(a, b):
    return 10 * np.log10(1 / np.mean((np.float64(a) - b) ** 2))


def plane(photo, channels):
    return photo if channels == 3 else np.rint(photo.mean(-1, keepdims=True) * 255) / 255


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [1, *QUALITIES, 100])
def test_libjpeg_form_is_pillows_to_the_bit(photo, channels, quality):
    picture = np.float32(plane(photo, channels))
    ours = compress_jpeg_libjpeg(picture, quality).numpy()
    np.testing.assert_array_equal(np.rint(ours * 255), pillow(picture, quality))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [*QUALITIES, 100])
@pytest.mark.parametrize("sides", [(300, 451), (296, 448), (37, 50)])
def test_tensor_form_is_libjpegs(photo, channels, quality, sides):
    picture = np.float32(plane(photo, channels))[: sides[0], : sides[1]]
    judge = compress_jpeg_libjpeg(picture, quality).numpy()
    ours = compress_jpeg(picture[None], tf.constant(float(quality)))[0].numpy()
    assert np.mean(np.abs(ours - judge) * 255 < 1.5) >= 0.995
    assert psnr(picture, ours) == pytest.approx(psnr(picture, judge), abs=0.02)


def test_gray_tensor_form_is_libjpegs_to_the_bit(photo):
    picture = np.float32(plane(photo, 1))
    for quality in QUALITIES:
        judge = compress_jpeg_libjpeg(picture, quality)
        ours = compress_jpeg(picture[None], tf.constant(float(quality)))[0]
        np.testing.assert_array_equal(np.rint(ours * 255), np.rint(judge * 255))


def test_traced_for_unknown_sizes(photo):
    batch = tf.constant(photo[None, :64, :48])
    traced = tf.function(
        compress_jpeg,
        input_signature=[tf.TensorSpec((None, None, None, 3)), tf.TensorSpec(())],
    )
    expected = compress_jpeg(batch, tf.constant(30.0))
    np.testing.assert_allclose(traced(batch, 30.0), expected, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_flat_gray_stays(channels):
    flat = np.full((1, 17, 23, channels), 128 / 255, np.float32)
    np.testing.assert_array_equal(compress_jpeg(flat, tf.constant(10.0)), flat)
