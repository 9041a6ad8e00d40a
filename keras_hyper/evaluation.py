"""Figures of anything that restores: PSNR and SSIM per level, before and after."""

import time
from collections.abc import Callable, Iterable

import numpy as np

from keras_hyper.metrics import luma, psnr, ssim


def score(clean: np.ndarray, other: np.ndarray, on_luma: bool) -> tuple[float, float]:
    """Returns PSNR in dB and SSIM of one picture ``(height, width, channels)`` in [0, 1].

    Args:
        clean: What it should be.
        other: What it is; it is clipped and rounded to 8 bits first.
        on_luma: Whether PSNR is that of the luma (16-235) instead of all channels.
    """
    rounded = np.rint(np.clip(other, 0.0, 1.0) * np.float32(255)) / np.float32(255)
    a, b = (luma(clean), luma(rounded)) if on_luma else (clean, rounded)
    return float(psnr(a, b)), float(ssim(clean[None], rounded[None])[0])


def evaluate_level(
    restore: Callable[[np.ndarray, float], np.ndarray],
    pairs: Iterable,
    level: float,
    on_luma: bool = False,
    on_picture: Callable[[], None] = lambda: None,
) -> dict:
    """Restores pairs of one level and returns means over the pictures.

    Args:
        restore: ``(degraded, level) -> restored``, pictures ``(height, width, channels)``.
        pairs: ``(path, degraded, clean)`` each.
        level: In the task's unit.
        on_luma: See `score`.
        on_picture: Called after each picture.

    Returns:
        A row: ``level``, ``pictures``, ``psnr_before``, ``psnr_after``, ``ssim_before``,
        ``ssim_after``, ``seconds_per_picture``.
    """
    figures, seconds = [], 0.0
    for _, degraded, clean in pairs:
        begun = time.perf_counter()
        restored = restore(degraded, level)
        seconds += time.perf_counter() - begun
        figures.append(score(clean, degraded, on_luma) + score(clean, restored, on_luma))
        on_picture()
    psnr_before, ssim_before, psnr_after, ssim_after = np.mean(figures, axis=0).tolist()
    return {
        "level": level,
        "pictures": len(figures),
        "psnr_before": psnr_before,
        "psnr_after": psnr_after,
        "ssim_before": ssim_before,
        "ssim_after": ssim_after,
        "seconds_per_picture": seconds / len(figures),
    }
