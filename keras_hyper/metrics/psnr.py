"""Peak signal-to-noise ratio, with and without a penalty for blocking, and the luma it is of."""

import math
from typing import Any

import numpy as np
from keras import ops

from pipelines.color import LIMITED_BLACK, LIMITED_LUMA

# Side of JPEG's blocks in pixels.
BLOCK = 8


def luma(image: Any, rounded: bool = True) -> Any:
    """Returns Y of BT.601 in the range 16-235 on a scale of [0, 1].

    Args:
        image: ``(..., 3)`` RGB in [0, 1]; gray ``(..., 1)`` is returned unchanged.
        rounded: Whether to round to whole levels of 8 bits.

    Returns:
        ``(..., 1)``; rounded, multiples of 1/255.
    """
    if image.shape[-1] == 1:
        return image
    luminance = LIMITED_BLACK + ops.matmul(image, LIMITED_LUMA[:, None])
    return (ops.round(luminance) if rounded else luminance) / 255.0


def psnr(clean: Any, restored: Any, peak: float = 1.0) -> Any:
    """Returns the PSNR of each picture in dB, over all its pixels and channels.

    Args:
        clean: ``(..., height, width, channels)``, values in [0, peak].
        restored: The same shape.
        peak: The highest value a pixel can have: 1.0, or 255.0 for bytes.

    Returns:
        float32 of the leading shape, an array for two arrays. Equal pictures give 100 dB, a bound
        that keeps means finite.

    Example:
        >>> round(float(psnr(np.zeros((1, 8, 8, 3)), np.full((1, 8, 8, 3), 0.1))[0]), 3)
        20.0
    """
    if not (isinstance(clean, np.ndarray) and isinstance(restored, np.ndarray)):
        clean, restored = ops.cast(clean, "float32"), ops.cast(restored, "float32")
        mean_square = ops.mean(ops.square((clean - restored) / peak), axis=(-3, -2, -1))
        return -10.0 / math.log(10.0) * ops.log(ops.maximum(mean_square, 1e-10))
    # Ten times as fast as tensors outside a graph.
    clean, restored = np.broadcast_arrays(clean, restored)
    mean_square = np.empty(clean.shape[:-3], np.float32)
    for index in np.ndindex(mean_square.shape):
        error = np.subtract(clean[index], restored[index], dtype=np.float32).ravel()
        mean_square[index] = np.dot(error, error) / (error.size * peak**2)
    return -10.0 * np.log10(np.maximum(mean_square, np.float32(1e-10)))


def psnr_b(clean: np.ndarray, restored: np.ndarray, peak: float = 1.0) -> np.ndarray:
    """Returns the PSNR-B of each picture in dB.

    Adds to the mean squared error the excess of squared steps in `restored` across the borders of
    8x8 blocks over those elsewhere.

    Args:
        clean: ``(batch, height, width, channels)``, values in [0, peak], sides of 9 and more: the
            blocks begin in the upper left corner.
        restored: The same shape.
        peak: The highest value a pixel can have.

    Returns:
        float32 ``(batch,)``; equal pictures without steps give at most 100 dB.

    Raises:
        ValueError: If a side has no border of two blocks.

    Reference:
        Yim and Bovik, IEEE TIP 20 (2011).
    """
    clean, restored = (np.asarray(picture, np.float64) / peak for picture in (clean, restored))
    height, width = restored.shape[1:3]
    if min(height, width) <= BLOCK:
        raise ValueError(
            f"expected sides of {BLOCK + 1} pixels or more, got {width}x{height} pixels"
        )
    at_border, elsewhere, borders, others = 0.0, 0.0, 0, 0
    for axis, across in ((1, width), (2, height)):
        steps = np.sum(np.diff(restored, axis=axis) ** 2, axis=3 - axis)
        border = np.arange(1, steps.shape[1] + 1) % BLOCK == 0
        at_border = at_border + steps[:, border].sum(axis=1)
        elsewhere = elsewhere + steps[:, ~border].sum(axis=1)
        borders += across * int(border.sum())
        others += across * int((~border).sum())
    excess = np.maximum(at_border / borders - elsewhere / others, 0.0)
    blocking = excess * math.log2(BLOCK) / math.log2(min(height, width))
    error = np.mean((clean - restored) ** 2, axis=(1, 2, 3)) + blocking.mean(axis=-1)
    return (-10.0 * np.log10(np.maximum(error, 1e-10))).astype(np.float32)
