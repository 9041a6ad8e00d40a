import numpy as np
import pytest

from keras_hyper import LevelEstimator, estimate
from pipelines.degradations.noise import add_gaussian_noise
from tests.conftest import random_estimator


@pytest.fixture(scope="module")
def shipped():
    if "estimate" not in LevelEstimator.presets:
        pytest.skip("no estimator ships in this tree")
    return LevelEstimator.from_preset("estimate")


def test_the_estimate_does_not_depend_on_the_type_of_the_picture(rng):
    model = random_estimator()
    pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    level = estimate(pixels, model)
    assert level >= 0 and level == estimate(pixels, model)
    alpha = np.full((40, 50, 1), 7, np.uint8)
    assert estimate(np.concatenate([pixels, alpha], axis=-1), model) == level
    assert estimate(pixels.astype(np.uint16) * 257, model) == pytest.approx(level, rel=1e-3)
    assert estimate(pixels / np.float32(255), model) == pytest.approx(level, rel=1e-3)
    gray = pixels[..., 0]
    assert estimate(gray, model) == pytest.approx(estimate(np.stack([gray] * 3, -1), model))


def test_a_gray_network_estimates_colour_channel_by_channel(rng):
    model = random_estimator(channels=1)
    pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    each = [estimate(pixels[..., channel], model) for channel in range(3)]
    assert estimate(pixels, model) == pytest.approx(np.mean(each), rel=1e-4)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((15, 40), np.uint8), "at least 16x16 pixels to estimate a level, got 40x15"),
        (np.zeros((40, 40, 5), np.uint8), "1 to 4"),
        (np.full((40, 40), 200.0), "in \\[0, 1\\]"),
    ],
    ids=["small", "channels", "range"],
)
def test_invalid_pictures_are_refused(picture, words):
    with pytest.raises(ValueError, match=words):
        estimate(picture, random_estimator())


@pytest.mark.parametrize("sigma", [5.0, 15.0, 25.0, 50.0, 75.0, 100.0])
def test_the_shipped_estimator_estimates_the_added_noise(shipped, photo, sigma):
    noisy = add_gaussian_noise(photo[None], sigma, (0, 1))[0].numpy()
    assert estimate(noisy, shipped) == pytest.approx(sigma, abs=1.0)
    # The three equal channels of gray have the same noise.
    gray = add_gaussian_noise(photo[None, ..., 1:2], sigma, (0, 2))[0].numpy()
    assert estimate(gray, shipped) == pytest.approx(sigma, abs=2.5)


def test_the_estimate_of_a_clean_picture_is_small(shipped, photo):
    assert estimate(photo, shipped) < 2
    assert estimate(np.full((64, 64, 3), 90, np.uint8), shipped) < 2
