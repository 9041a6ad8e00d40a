import numpy as np
import pytest

from pipelines.degradations.noise import (
    add_gaussian_noise,
    add_noise_for_estimation,
    add_noise_for_training,
)

SEED = (3, 4)


@pytest.mark.parametrize("sigma", [1.0, 25.0, 60.0])
def test_residual_has_the_given_deviation(sigma):
    gray = np.full((8, 64, 64, 3), 0.5, np.float32)
    residual = add_gaussian_noise(gray, sigma, SEED, clip=False, floor=False) - gray
    assert np.std(residual) * 255 == pytest.approx(sigma, rel=0.02)
    assert np.mean(residual) * 255 == pytest.approx(0.0, abs=0.01 * sigma)


def test_each_image_may_have_its_level():
    gray = np.full((2, 64, 64, 3), 0.5, np.float32)
    noisy = add_gaussian_noise(gray, np.float32([2, 40]), SEED, clip=False, floor=False)
    deviations = np.std(noisy - gray, axis=(1, 2, 3)) * 255
    np.testing.assert_allclose(deviations, [2, 40], rtol=0.03)


def test_clipped_and_floored_to_bytes():
    noisy = add_gaussian_noise(np.full((1, 64, 64, 1), 0.9, np.float32), 60.0, SEED).numpy() * 255
    assert noisy.min() >= 0 and noisy.max() == 255
    np.testing.assert_allclose(noisy, np.rint(noisy), atol=1e-4)


def test_floor_is_half_a_level_darker():
    gray = np.full((12, 64, 64, 1), 100 / 255, np.float32)
    floored = add_gaussian_noise(gray, 10.0, SEED)
    exact = add_gaussian_noise(gray, 10.0, SEED, floor=False)
    assert float(np.mean(exact - floored)) * 255 == pytest.approx(0.5, abs=0.02)


def test_the_same_seed_gives_the_same_noise():
    gray = np.full((1, 8, 8, 3), 0.5, np.float32)
    first, again, other = (add_gaussian_noise(gray, 25.0, seed) for seed in (SEED, SEED, (3, 5)))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_no_noise_changes_nothing():
    picture = np.arange(192, dtype="float32").reshape(1, 8, 8, 3) / 255
    np.testing.assert_allclose(add_gaussian_noise(picture, 0.0, SEED, floor=False), picture)


def test_half_of_the_pictures_to_learn_from_are_floored_and_half_rounded():
    gray = np.full((40, 64, 64, 3), 100 / 255, np.float32)
    noisy = add_noise_for_training(gray, 10.0, SEED).numpy() * 255
    np.testing.assert_allclose(noisy, np.rint(noisy), atol=1e-4)
    exact = add_gaussian_noise(gray, 10.0, SEED, floor=False).numpy() * 255
    darker = (exact - noisy).mean(axis=(1, 2, 3))
    floored = np.isclose(darker, 0.5, atol=0.03)
    assert 0.25 < floored.mean() < 0.75
    np.testing.assert_allclose(darker[~floored], 0.0, atol=0.03)


def test_half_of_the_pictures_of_an_estimator_are_floored():
    colour = np.full((64, 32, 32, 3), [0.3, 0.5, 0.7], np.float32)
    noisy = add_noise_for_estimation(colour, 25.0, SEED).numpy()
    assert noisy.min() >= 0 and noisy.max() <= 1
    residual = noisy - noisy.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(residual.std(axis=(1, 2)) * 255, 25, rtol=0.15)
    whole = np.abs(noisy * 255 - np.rint(noisy * 255)).max(axis=(1, 2, 3)) < 1e-3
    assert 0.3 < whole.mean() < 0.7
    np.testing.assert_array_equal(noisy, add_noise_for_estimation(colour, 25.0, SEED))


@pytest.mark.parametrize("add", [add_gaussian_noise, add_noise_for_training])
def test_gray_images_of_a_batch_stay_gray(add):
    image = np.full((3, 32, 32, 3), 0.5, np.float32)
    image[1, 5, 7, 2] += 1 / 255  # one pixel is enough for colour
    noisy = add(image, 25.0, SEED).numpy()
    differ = np.ptp(noisy, axis=-1).max(axis=(1, 2)) > 0
    assert differ.tolist() == [False, True, False]
    assert noisy[0].std() * 255 == pytest.approx(25.0, rel=0.1)
