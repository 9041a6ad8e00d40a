"""Is more level always more restoration? One picture at many levels, without a clean one."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# Steps back of less than this, in 8-bit levels, are what rounding the result makes.
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
        A row a level: ``level``; ``change``, the root mean square of restored minus picture, in
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
    """Sums a sweep up.

    Args:
        rows: As `level_sweep` returns them, of two levels and more.

    Returns:
        ``forward``, the share of steps from a level to the next stronger one that change the
        picture more (or equally, within rounding); ``step_back``, the largest step the other way,
        in 8-bit levels, 0 without one; ``at``, the level that it leads to, or None; ``brightness``
        and ``colour``, the largest drifts, in 8-bit levels.
    """
    steps = np.diff([row["change"] for row in rows])
    worst = int(np.argmin(steps))
    back = max(float(-steps[worst]), 0.0)
    return {
        "forward": float(np.mean(steps >= -_ROUNDING)),
        "step_back": back,
        "at": rows[worst + 1]["level"] if back > _ROUNDING else None,
        "brightness": max((row["brightness"] for row in rows), key=abs),
        "colour": max(row["colour"] for row in rows),
    }
