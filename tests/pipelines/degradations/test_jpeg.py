import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.degradations import jpeg
from pipelines.degradations.jpeg import (
    FINEST,
    compress_jpeg,
    compress_jpeg_libjpeg,
    recompress_jpeg,
    target_quality,
)
from pipelines.jpeg_analysis import quality_of_pixels

QUALITIES = (10, 30, 50, 80)
SEED = (3, 4)


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
    reference = compress_jpeg_libjpeg(picture, quality).numpy()
    ours = compress_jpeg(picture[None], tf.constant(float(quality)))[0].numpy()
    assert np.mean(np.abs(ours - reference) * 255 < 1.5) >= 0.995
    assert psnr(picture, ours) == pytest.approx(psnr(picture, reference), abs=0.02)


def test_gray_tensor_form_is_libjpegs_to_the_bit(photo):
    picture = np.float32(plane(photo, 1))
    for quality in QUALITIES:
        reference = compress_jpeg_libjpeg(picture, quality)
        ours = compress_jpeg(picture[None], tf.constant(float(quality)))[0]
        np.testing.assert_array_equal(np.rint(ours * 255), np.rint(reference * 255))


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


@pytest.fixture
def patches(photo):
    return np.stack([photo[row : row + 128, row : row + 128] for row in range(0, 96, 4)])


def test_some_are_compressed_alone_and_some_changed_since(patches):
    recompressed = recompress_jpeg(patches, tf.constant(40.0), SEED).numpy()
    assert (
        recompressed.shape == patches.shape and recompressed.min() >= 0 and recompressed.max() <= 1
    )
    np.testing.assert_allclose(recompressed * 255, np.rint(recompressed * 255), atol=1e-3)
    qualities = [quality_of_pixels(picture) for picture in recompressed]
    # About half are as the decoder left them; the others give no quality, or a wrong one.
    assert 0.2 < np.mean([quality == 40 for quality in qualities]) < 0.8
    assert None in qualities
    gray = np.ptp(recompressed, axis=-1).max(axis=(1, 2)) < 1e-6
    assert 0.05 < gray.mean() < 0.5


@pytest.mark.parametrize(
    ("name", "share"), [("_GRAY", 0.25), ("_SCALED", 0.35), ("_CHANGED", 0.25)]
)
def test_share_of_pictures_that_change(patches, name, share, monkeypatch):
    usual = recompress_jpeg(patches, tf.constant(40.0), SEED).numpy()
    monkeypatch.setattr(jpeg, name, 0.0)
    never = recompress_jpeg(patches, tf.constant(40.0), SEED).numpy()
    different = np.any(usual != never, axis=(1, 2, 3))
    assert different.mean() == pytest.approx(share, abs=0.2) and different.any()
    # Contrast by a fifth and brightness by a tenth at most.
    assert np.abs((usual - never).mean(axis=(1, 2, 3))).max() < 0.2


def test_pictures_are_shrunk_before(patches, monkeypatch):
    monkeypatch.setattr(jpeg, "_SCALED", 0.0)
    monkeypatch.setattr(jpeg, "_CHANGED", 0.0)
    pictures = recompress_jpeg(patches, tf.constant(FINEST + 1), SEED).numpy()

    # The rest of the frame is a mirror image. It begins at half to 1 / 1.35 of the side.
    def asymmetry(picture, row):
        return np.abs(picture[row - 20 : row] - picture[row : row + 20][::-1]).mean()

    for picture in pictures:
        found = min(range(24, 104), key=lambda row: asymmetry(picture, row))
        assert 62 <= found <= 97


def test_nothing_is_compressed_above_the_finest(patches):
    recompressed = recompress_jpeg(patches, tf.constant(FINEST + 1), SEED).numpy()
    assert all(quality_of_pixels(picture) is None for picture in recompressed)
    level = tf.constant([[30.0, FINEST, FINEST + 0.1]])
    np.testing.assert_array_equal(target_quality({"level": level}, None), [[30, FINEST, 100]])


def test_the_same_seed_gives_the_same_pictures(patches):
    first, again, other = (
        recompress_jpeg(patches[:4, :64, :64, :1], tf.constant(20.0), seed)
        for seed in (SEED, SEED, (3, 5))
    )
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
