"""The change of a picture over levels from weak to strong; needs no clean picture."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# A smaller decrease, in 8-bit levels, is caused by rounding the result.
_ROUNDING = 0.02


def level_sweep(
    restore: Callable[[np.ndarray, float], np.ndarray],
    picture: np.ndarray,
    levels: Sequence[float],
) -> list[dict[str, float]]:
    """Restores a picture at levels from weak to strong.

    Args:
        restore: ``(picture, level) -> restored``.
        picture: float32 ``(height, width, channels)`` in [0, 1], with whatever noise it has.
        levels: In the task's unit, the weakest restoration first.

    Returns:
        One row per level: ``level``; ``change``, the root mean square of restored minus picture, in
        8-bit levels; ``detail``, the mean absolute step between neighbours relative to the
        picture's own; ``brightness``, the mean of restored minus picture over all channels, and
        ``colour``, the largest deviation of a channel's mean from it, in 8-bit levels.
    """
    own = max(_steps(picture), 1e-12)
    rows = []
    for level in levels:
        restored = np.clip(restore(picture, level), 0.0, 1.0)
        difference = 255.0 * (restored.astype(np.float64) - picture)
        channels = difference.mean(axis=(0, 1))
        rows.append(
            {
                "level": float(level),
                "change": float(np.sqrt(np.mean(difference**2))),
                "detail": _steps(restored) / own,
                "brightness": float(channels.mean()),
                "colour": float(np.abs(channels - channels.mean()).max()),
            }
        )
    return rows


def _steps(picture):
    return float(np.mean([np.abs(np.diff(picture, axis=axis)).mean() for axis in (0, 1)]))


def monotonicity(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Summarises a sweep.

    Args:
        rows: Rows of `level_sweep`, of at least two levels.

    Returns:
        ``increasing``, the share of steps to the next stronger level that change the picture more
        (or equally, within rounding); ``decrease``, the largest decrease of the change, in 8-bit
        levels, or 0; ``at``, the level after that step, or None; ``brightness``
        and ``colour``, the largest drifts, in 8-bit levels.
    """
    steps = np.diff([row["change"] for row in rows])
    worst = int(np.argmin(steps))
    back = max(float(-steps[worst]), 0.0)
    return {
        "increasing": float(np.mean(steps >= -_ROUNDING)),
        "decrease": back,
        "at": rows[worst + 1]["level"] if back > _ROUNDING else None,
        "brightness": max((row["brightness"] for row in rows), key=abs),
        "colour": max(row["colour"] for row in rows),
    }
