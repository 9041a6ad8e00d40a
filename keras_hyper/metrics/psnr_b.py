"""PSNR with a penalty for blocking artefacts of JPEG."""

import math

import numpy as np

BLOCK = 8


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
    error = np.mean((clean - restored) ** 2, axis=(1, 2, 3))
    error = error + _blocking(restored).mean(axis=-1)
    return (-10.0 * np.log10(np.maximum(error, 1e-10))).astype(np.float32)


def _blocking(pictures):
    """The blocking effect factor of each plane ``(batch, channels)``, squared steps."""
    height, width = pictures.shape[1:3]
    at_border, elsewhere, borders, others = 0.0, 0.0, 0, 0
    for axis, across in ((1, width), (2, height)):
        steps = np.sum(np.diff(pictures, axis=axis) ** 2, axis=3 - axis)
        border = np.arange(1, steps.shape[1] + 1) % BLOCK == 0
        at_border = at_border + steps[:, border].sum(axis=1)
        elsewhere = elsewhere + steps[:, ~border].sum(axis=1)
        borders += across * int(border.sum())
        others += across * int((~border).sum())
    excess = at_border / borders - elsewhere / others
    return np.maximum(excess, 0.0) * math.log2(BLOCK) / math.log2(min(height, width))
