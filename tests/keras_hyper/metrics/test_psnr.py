import numpy as np
import pytest
from keras import ops
from skimage.metrics import peak_signal_noise_ratio

from keras_hyper.metrics import psnr


def test_uniform_error_of_a_tenth_is_20_db():
    clean = np.zeros((1, 8, 8, 3), np.float32)
    assert float(psnr(clean, clean + 0.1)[0]) == pytest.approx(20.0, abs=1e-4)


def test_equals_scikit_image_picture_by_picture(rng):
    clean = rng.random((2, 9, 7, 3), dtype="float32") * 255
    noisy = clean + rng.normal(0, [[[[3]]], [[[20]]]], clean.shape)
    for a, b, score in zip(clean, noisy, psnr(clean, noisy, peak=255.0), strict=True):
        expected = peak_signal_noise_ratio(a, b, data_range=255)
        assert float(score) == pytest.approx(expected, abs=1e-3)


def test_equal_pictures_have_a_finite_bound():
    assert float(psnr(np.ones((1, 2, 2, 1)), np.ones((1, 2, 2, 1)))[0]) == pytest.approx(100.0)


def test_tensors_score_as_arrays_do(rng):
    clean, noisy = rng.random((2, 3, 9, 7, 3), dtype="float32")
    scores = psnr(clean, noisy)
    assert isinstance(scores, np.ndarray) and scores.dtype == np.float32
    tensors = psnr(ops.convert_to_tensor(clean), ops.convert_to_tensor(noisy))
    np.testing.assert_allclose(tensors, scores, rtol=1e-6)
