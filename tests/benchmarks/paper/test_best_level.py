import numpy as np
import pytest

from benchmarks.paper.best_level import best_level, least_risk_level

SIGMA = 30.0


@pytest.fixture
def pair(rng):
    """A picture around zero and a noisy one, for which `scaled` is the best linear restorer."""
    clean = rng.normal(0, 0.2, (256, 256, 1)).astype("float32")
    return clean, clean + rng.normal(0, SIGMA / 255, clean.shape).astype("float32")


def scaled(picture, level):
    return picture * np.float32(level / 100)


def wiener(clean):
    power = np.mean(np.square(clean))
    return 100 * power / (power + (SIGMA / 255) ** 2)


def test_best_level_has_the_least_error(rng):
    clean = rng.random((32, 32, 3), dtype="float32") * 0.5
    level, psnr = best_level(scaled, clean / np.float32(0.62), clean, (0, 100), 0.01)
    assert level == pytest.approx(62, abs=0.05) and psnr > 60


def test_best_level_at_the_bound_is_found():
    clean = np.full((8, 8, 1), 0.5, np.float32)
    level, _ = best_level(scaled, clean, clean, (0, 80))
    assert level == 80


def test_least_risk_equals_least_error_without_the_clean_picture(pair):
    clean, noisy = pair
    level, psnr = least_risk_level(scaled, noisy, SIGMA, (0, 100), 0.01)
    # The error of the estimate itself, over 65,536 pixels.
    assert level == pytest.approx(wiener(clean), abs=1.0)
    error = np.mean(np.square(scaled(noisy, level) - clean))
    assert psnr == pytest.approx(-10 * np.log10(error), abs=0.15)


def test_same_seed_finds_the_same_level(pair):
    _, noisy = pair
    first, again = (least_risk_level(scaled, noisy, SIGMA, (0, 100), seed=3) for _ in range(2))
    assert first == again
