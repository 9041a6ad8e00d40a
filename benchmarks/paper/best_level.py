"""The manual setting: the best level for a picture, with or without its clean version."""

from collections.abc import Callable

import numpy as np

Restore = Callable[[np.ndarray, float], np.ndarray]


def best_level(
    restore: Restore,
    degraded: np.ndarray,
    clean: np.ndarray,
    bounds: tuple[float, float],
    tolerance: float = 0.1,
) -> tuple[float, float]:
    """Finds the level of the highest PSNR.

    Args:
        restore: ``(picture, level) -> restored``, pictures ``(height, width, channels)`` in [0, 1].
        degraded: The picture to restore.
        clean: Its clean version.
        bounds: Lowest and highest level to search.
        tolerance: Tolerance of the level, in its unit.

    Returns:
        The level, and its PSNR in dB.

    Raises:
        ValueError: If scipy is not installed.

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, section 4.4 and figure 5.
    """

    def error(level):
        return float(np.mean(np.square(np.clip(restore(degraded, level), 0, 1) - clean)))

    level, least = _smallest(error, bounds, tolerance)
    return level, float(-10.0 * np.log10(max(least, 1e-12)))


def least_risk_level(
    restore: Restore,
    noisy: np.ndarray,
    sigma: float,
    bounds: tuple[float, float],
    tolerance: float = 0.1,
    seed: int = 0,
) -> tuple[float, float]:
    """Finds the level of the smallest estimated risk, without the clean picture.

    Stein's estimate of the mean squared error of ``f`` on white Gaussian noise, ``|f(y) - y|^2 / n
    - sigma^2 + 2 sigma^2 / n div f(y)``. The divergence is estimated along one random direction,
    the same at all levels. It ignores clipping and rounding, so it holds far from black and white.

    Args:
        restore: See `best_level`; it must return float pictures, not rounded ones.
        noisy: float ``(height, width, channels)`` in [0, 1].
        sigma: The noise's standard deviation on the 0-255 scale.
        bounds: See `best_level`.
        tolerance: See `best_level`.
        seed: Seed of the direction.

    Returns:
        The level, and the PSNR in dB that corresponds to its risk.

    Raises:
        ValueError: If scipy is not installed.

    Reference:
        Ramani, Blu and Unser, IEEE TIP 17 (2008), algorithm 1.
    """
    variance = (sigma / 255.0) ** 2
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(noisy.shape).astype(np.float32)
    # Small relative to the noise, large relative to the precision of float32.
    step = np.float32(max(sigma, 1.0) / 255.0 * 0.05)
    shifted = noisy + step * direction

    def risk(level):
        here = restore(noisy, level)
        divergence = np.mean(direction * (restore(shifted, level) - here)) / step
        return float(np.mean(np.square(here - noisy)) - variance + 2.0 * variance * divergence)

    level, least = _smallest(risk, bounds, tolerance)
    return level, float(-10.0 * np.log10(max(least, 1e-12)))


def _smallest(function, bounds, tolerance):
    try:
        from scipy.optimize import minimize_scalar
    except ImportError as error:
        raise ValueError(
            "the search needs scipy, which is not installed: pip install '.[calibrate]'"
        ) from error
    found = minimize_scalar(function, bounds=bounds, method="bounded", options={"xatol": tolerance})
    # The search never evaluates its bounds.
    ends = [(function(end), end) for end in bounds]
    least, level = min([(float(found.fun), float(found.x)), *ends])
    return level, least
