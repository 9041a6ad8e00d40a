import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity

from keras_hyper.metrics import ms_ssim, ssim


def pair(rng, shape):
    """A smooth picture and the same with noise; their similarity is far from 0 and 1."""
    clean = tf.nn.avg_pool2d(rng.random(shape, dtype="float32"), 7, 1, "SAME").numpy()
    noisy = np.clip(clean + rng.normal(0, 0.1, shape), 0, 1).astype("float32")
    return clean, noisy


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_equals_scikit_image(rng, channels):
    clean, noisy = pair(rng, (1, 24, 50, channels))
    expected = structural_similarity(
        clean[0], noisy[0], data_range=1.0, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, channel_axis=-1, full=True,
    )[1][5:-5, 5:-5].mean()  # fmt: skip
    assert float(ssim(clean, noisy)[0]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [(2, 11, 11, 3), (1, 43, 12, 1), (1, 75, 44, 3)], ids=str)
def test_ssim_equals_tensorflow_at_every_size(rng, shape):
    clean, noisy = pair(rng, shape)
    np.testing.assert_allclose(ssim(clean, noisy), tf.image.ssim(clean, noisy, 1.0), atol=1e-5)
    bytes_ = ssim(clean * 255, noisy * 255, peak=255.0)
    np.testing.assert_allclose(bytes_, ssim(clean, noisy), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 176, 180, 3), (2, 201, 177, 1)], ids=str)
def test_ms_ssim_equals_tensorflow(rng, shape):
    clean, noisy = pair(rng, shape)
    expected = tf.image.ssim_multiscale(clean, noisy, 1.0)
    np.testing.assert_allclose(ms_ssim(clean, noisy), expected, atol=1e-5)


def test_ssim_of_flat_pictures_computed_by_hand():
    # Without structure only the luminance term remains: (2 ab + C1) / (a^2 + b^2 + C1).
    dark, light = np.full((1, 176, 176, 1), 0.2), np.full((1, 176, 176, 1), 0.6)
    luminance = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    # float32: variances of 0 are differences of numbers near 0.4, divided by 0.0009.
    assert float(ssim(dark, light)[0]) == pytest.approx(luminance, abs=3e-4)
    assert float(ms_ssim(dark, light)[0]) == pytest.approx(luminance**0.1333, abs=3e-4)


def test_one_clean_picture_is_compared_with_many(rng):
    clean, noisy = pair(rng, (3, 20, 20, 3))
    each = [ssim(clean[:1], one[None])[0] for one in noisy]
    np.testing.assert_allclose(ssim(clean[:1], noisy), each, rtol=1e-6)


def test_inverted_picture_is_negative_and_equal_picture_is_one(rng):
    clean, _ = pair(rng, (1, 32, 32, 1))
    assert float(ssim(clean, clean)[0]) == pytest.approx(1.0, abs=1e-6)
    assert float(ssim(clean, 1 - clean)[0]) < 0


def test_small_pictures_are_refused():
    with pytest.raises(ValueError, match="expected sides of 11 pixels or more, got 9x12"):
        ssim(np.zeros((1, 12, 9, 3)), np.zeros((1, 12, 9, 3)))
    with pytest.raises(ValueError, match="expected sides of 176 pixels or more, got 175x300"):
        ms_ssim(np.zeros((1, 300, 175, 1)), np.zeros((1, 300, 175, 1)))
