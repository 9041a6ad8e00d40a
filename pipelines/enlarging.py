"""Bicubic enlarging of one picture of any kind, in numpy alone."""

from collections.abc import Callable
from typing import Any

import numpy as np


def cubic_kernel(distance: Any, a: float, where: Callable = np.where) -> Any:
    """Returns the cubic convolution kernel with parameter `a`, of arrays or of tensors.

    Args:
        distance: From the sample, in samples.
        a: Its slope at distance 1.
        where: `numpy.where`, or that of the tensors.

    Reference:
        Keys, IEEE TASSP 29 (1981).
    """
    x = abs(distance)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    far = ((x - 5.0) * x + 8.0) * x * a - 4.0 * a
    return where(x <= 1.0, near, where(x < 2.0, far, 0.0 * x))


def enlarge_picture(picture: np.ndarray, height: int, width: int, band: int = 256) -> np.ndarray:
    """Enlarges one picture of any kind with OpenCV's bicubic kernel, a band of rows at a time.

    Colour counts by its alpha, so that the colour of transparent pixels does not bleed.

    Args:
        picture: ``(h, w)`` or ``(h, w, channels)``, uint8, uint16, or float in [0, 1].
        height: New height in pixels.
        width: New width in pixels.
        band: Rows of the result that are computed at once, to bound memory.

    Returns:
        ``(height, width)`` or ``(height, width, channels)`` of the picture's type.
    """
    whole = np.issubdtype(picture.dtype, np.integer)
    peak = np.float32(np.iinfo(picture.dtype).max if whole else 1.0)
    samples = picture.reshape(*picture.shape[:2], -1)
    has_alpha = samples.shape[-1] in (2, 4) and bool((samples[..., -1] < peak).any())
    rows, row_weights = _taps(picture.shape[0], height)
    columns, column_weights = _taps(picture.shape[1], width)
    enlarged = np.empty((height, width, *picture.shape[2:]), picture.dtype)
    for first in range(0, height, band):
        here = rows[:, first : first + band]
        pixels = samples[here.min() : here.max() + 1].astype(np.float32)
        if has_alpha:
            pixels[..., :-1] *= pixels[..., -1:] / peak
        # Columns first, as OpenCV: with weights in 1/2048 the sums stay exact in float32.
        pixels = _weighted_sum(pixels, 1, columns, column_weights)
        pixels = _weighted_sum(
            pixels, 0, here - here.min(), row_weights[:, first : first + band, None]
        )
        if has_alpha:
            # Alpha below half a step is rounded to 0.
            least = np.float32(0.5 / peak if whole else 1e-6)
            pixels[..., :-1] /= np.maximum(pixels[..., -1:] / peak, least)
        pixels = np.clip(pixels, 0, peak)
        pixels = np.floor(pixels + 0.5) if whole else pixels
        enlarged[first : first + band] = pixels.reshape(-1, *enlarged.shape[1:])
    return enlarged


def _weighted_sum(pixels, axis, places, weights):
    return sum(
        pixels.take(place, axis) * weight[..., None]
        for place, weight in zip(places, weights, strict=True)
    )


def _taps(old, new):
    """The four old samples around each new one, and their weights, each ``(4, new)``."""
    centre = (np.arange(new, dtype=np.float32) + 0.5) * np.float32(old / new) - 0.5
    tap = np.array([[-1], [0], [1], [2]], np.float32)
    # Eleven bits, as OpenCV holds its weights for bytes; beyond the edge the edge repeats.
    weights = np.rint(cubic_kernel(centre - np.floor(centre) - tap, -0.75) * 2048.0) / 2048.0
    return np.clip((np.floor(centre) + tap).astype(int), 0, old - 1), weights
