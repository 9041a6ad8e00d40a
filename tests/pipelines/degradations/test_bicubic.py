import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.degradations.bicubic import shrink_and_enlarge, shrink_each

pytestmark = pytest.mark.usefixtures("plain_opencv")


def to_bytes(picture):
    return np.rint(picture * 255).astype(np.uint8)


def opencv(pixels, factor):
    small = cv2.resize(pixels, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_CUBIC)
    return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def pillow(pixels, factor):
    picture = Image.fromarray(pixels)
    small = [round(side / factor) for side in picture.size]
    return np.asarray(picture.resize(small, Image.BICUBIC).resize(picture.size, Image.BICUBIC))


@pytest.mark.parametrize("factor", [1, 1.5, 2, 2.7, 3, 4, 5, 6, 8])
def test_equals_opencv_with_its_drift(photo, factor):
    ours = shrink_and_enlarge(photo[None], factor)[0]
    difference = np.abs(to_bytes(ours).astype(int) - opencv(to_bytes(photo), factor))
    # Even factors have ties, which its two steps break the other way.
    assert difference.max() <= 2
    assert np.mean(difference <= 1) > 0.9999 and np.mean(difference == 0) > 0.995


@pytest.mark.parametrize("factor", [1.5, 2, 3, 4, 6])
def test_antialiased_form_equals_pillow(photo, factor):
    ours = shrink_and_enlarge(photo[None], factor, antialias="pillow")[0]
    difference = np.abs(to_bytes(ours).astype(int) - pillow(to_bytes(photo), factor))
    assert np.mean(difference <= 1) > 0.999 and difference.max() <= 2


def test_without_drift_the_sizes_ratio_counts(photo):
    pixels = to_bytes(photo)  # 300 x 451: 451 is no multiple of 3
    small = cv2.resize(pixels, (150, 100), interpolation=cv2.INTER_CUBIC)
    expected = cv2.resize(small, (451, 300), interpolation=cv2.INTER_CUBIC)
    ours = to_bytes(shrink_and_enlarge(photo[None], 3, drift=False)[0])
    difference = np.abs(ours.astype(int) - expected)
    assert difference.max() <= 2 and np.mean(difference == 0) > 0.99


def test_factor_one_is_the_identity(photo):
    np.testing.assert_allclose(shrink_and_enlarge(photo[None], 1)[0], photo, atol=1e-6)


@pytest.mark.parametrize("antialias", [False, True, "lanczos"])
def test_another_antialiasing_is_refused(photo, antialias):
    with pytest.raises(ValueError, match=f"expected `antialias` .*, got {antialias!r}"):
        shrink_and_enlarge(photo[None], 2, antialias)


@pytest.mark.parametrize("antialias", [None, "matlab", "pillow"])
def test_flat_stays_flat(antialias):
    flat = np.full((1, 31, 17, 3), 77 / 255, np.float32)
    np.testing.assert_allclose(shrink_and_enlarge(flat, 2.5, antialias), flat, atol=1e-6)


@pytest.mark.parametrize("sides", [(1, 1), (1, 9), (2, 3)])
def test_smallest_pictures(sides, rng):
    picture = rng.random((1, *sides, 3), dtype="float32")
    assert shrink_and_enlarge(picture, 4.0).shape == picture.shape


def test_traced_for_unknown_sizes_and_factor(photo):
    traced = tf.function(
        shrink_and_enlarge,
        input_signature=[tf.TensorSpec((None, None, None, 3)), tf.TensorSpec(())],
    )
    np.testing.assert_allclose(
        traced(photo[None], 3.0), shrink_and_enlarge(photo[None], 3.0), atol=1e-6
    )


def test_each_shrinks_by_its_own_factor_into_its_mirror_image(photo):
    patches = np.stack([photo[:128, :128], photo[4:132, 4:132]])
    shrunk = shrink_each(patches[:2, :64, :96], tf.constant([1.0, 2.0]), tf.constant([1.3, 1.0]))
    np.testing.assert_array_equal(shrunk[0], patches[0, :64, :96])
    half, mirrored = shrunk[1, :32, :48], shrunk[1, 32:, 48:]
    # At its outer edge the mirror image ends.
    np.testing.assert_allclose(half[2:, 2:], mirrored[::-1, ::-1][2:, 2:], atol=1e-5)
    expected = tf.image.resize(patches[1, :64, :96], (32, 48), "bicubic", antialias=True)
    np.testing.assert_allclose(half[2:-2, 2:-2], expected[2:-2, 2:-2], atol=2e-3)
