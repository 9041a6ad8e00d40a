"""The figures of an estimator."""

from collections.abc import Sequence

import numpy as np


def level_figures(level: float, told: Sequence[float]) -> dict:
    """Returns the figures at one true level, by name.

    Args:
        level: The true level, above 0.
        told: Estimates for pictures at that level, in the same unit.

    Returns:
        ``level``; ``mean`` of the estimates, its ``bias`` and ``deviation``; ``error``, the mean
        absolute one; ``within_1``, ``within_2`` and ``within_5``, shares of the pictures; and
        ``relative``, the mean of ``1 - |error| / level``.
    """
    off = np.asarray(told, np.float64) - level
    size = np.abs(off)
    return {
        "level": float(level),
        "mean": float(np.mean(told)),
        "bias": float(off.mean()),
        "deviation": float(off.std()),
        "error": float(size.mean()),
        **{f"within_{bound}": float((size <= bound).mean()) for bound in (1, 2, 5)},
        "relative": float((1.0 - size / level).mean()),
    }


def over_levels(rows: Sequence[dict], low: float = 0.0, high: float = np.inf) -> dict:
    """Returns means of the figures over the levels from `low` to `high`.

    Raises:
        ValueError: If no row is there.
    """
    chosen = [row for row in rows if low <= row["level"] <= high]
    if not chosen:
        raise ValueError(f"No level between {low:g} and {high:g}")
    names = set(chosen[0]) - {"level", "mean"}
    return {name: float(np.mean([row[name] for row in chosen])) for name in sorted(names)}
