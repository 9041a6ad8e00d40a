"""Peak signal-to-noise ratio."""

import math
from typing import Any

import numpy as np
from keras import ops


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
    if isinstance(clean, np.ndarray) and isinstance(restored, np.ndarray):
        clean, restored = np.broadcast_arrays(clean, restored)
        return _psnr_of_arrays(clean, restored, peak)
    clean, restored = ops.cast(clean, "float32"), ops.cast(restored, "float32")
    mean_square = ops.mean(ops.square((clean - restored) / peak), axis=(-3, -2, -1))
    return -10.0 / math.log(10.0) * ops.log(ops.maximum(mean_square, 1e-10))


def _psnr_of_arrays(clean, restored, peak):
    """PSNR of each picture by NumPy: ten times as fast as tensors outside a graph."""
    mean_square = np.empty(clean.shape[:-3], np.float32)
    for index in np.ndindex(mean_square.shape):
        error = np.subtract(clean[index], restored[index], dtype=np.float32).ravel()
        mean_square[index] = np.dot(error, error) / (error.size * peak**2)
    return -10.0 * np.log10(np.maximum(mean_square, np.float32(1e-10)))
