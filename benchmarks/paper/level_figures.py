"""Error statistics of an estimator."""

from collections.abc import Sequence

import numpy as np


def level_figures(level: float, estimates: Sequence[float]) -> dict:
    """Returns the errors at one true level.

    Args:
        level: The true level, above 0.
        estimates: Estimates for pictures at that level, in the same unit.

    Returns:
        ``level``; ``mean`` of the estimates, its ``bias`` and ``deviation``; ``error``, the mean
        absolute error; ``within_1``, ``within_2`` and ``within_5``, shares of the pictures with an
        absolute error of at most that; and ``relative``, the mean of ``1 - |error| / level``.
    """
    error = np.asarray(estimates, np.float64) - level
    absolute = np.abs(error)
    return {
        "level": float(level),
        "mean": float(np.mean(estimates)),
        "bias": float(error.mean()),
        "deviation": float(error.std()),
        "error": float(absolute.mean()),
        **{f"within_{bound}": float((absolute <= bound).mean()) for bound in (1, 2, 5)},
        "relative": float((1.0 - absolute / level).mean()),
    }


def over_levels(rows: Sequence[dict], low: float = 0.0, high: float = np.inf) -> dict:
    """Returns the means of the errors over the levels from `low` to `high`.

    Raises:
        ValueError: If no row has such a level.
    """
    chosen = [row for row in rows if low <= row["level"] <= high]
    if not chosen:
        raise ValueError(
            f"expected levels between {low:g} and {high:g}, got {[row['level'] for row in rows]}"
        )
    names = set(chosen[0]) - {"level", "mean"}
    return {name: float(np.mean([row[name] for row in chosen])) for name in sorted(names)}
