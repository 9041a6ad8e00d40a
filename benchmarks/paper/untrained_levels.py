"""Levels that were never trained on: do they fall below the curve through their neighbours?"""

from collections.abc import Sequence

import numpy as np

# What was not degraded has this PSNR before, a bound instead of infinity, and lies on no curve.
_UNDEGRADED = 99.0

# A cubic through two neighbours at each side.
_NEIGHBOURS = 4


def degraded(rows: Sequence[dict]) -> list[dict]:
    """Returns the rows of a report but for those of levels that degrade nothing."""
    return [row for row in rows if row["psnr_before"] < _UNDEGRADED]


def below_the_curve(rows: Sequence[dict], trained: Sequence[float]) -> list[dict]:
    """Compares levels that were not trained on with the curve through their neighbours.

    Args:
        rows: Means of a report, of seven levels and more, ascending: ``level``, ``psnr_before``,
            ``psnr_after``. Those that are not `degraded` are passed over.
        trained: Levels trained on.

    Returns:
        A row for each level that was not: ``level``; ``psnr``; ``curve``, what the cubic over the
        logarithm of the level gives there that goes through the four nearest other levels, as many
        at each side as there are; ``below``, by how many dB the level falls under it; ``before``,
        by how many the pictures fall under a curve of theirs before anything is restored.

    Raises:
        ValueError: If there are too few levels.
    """
    rows = degraded(rows)
    if len(rows) <= _NEIGHBOURS + 2:
        raise ValueError(f"seven levels and more were wanted. Received: {len(rows)}")
    place = np.log([row["level"] for row in rows])
    psnr, before = (np.array([row[f"psnr_{when}"] for row in rows]) for when in ("after", "before"))
    found = []
    for index, row in enumerate(rows):
        if row["level"] in trained:
            continue
        first = min(max(index - _NEIGHBOURS // 2, 0), len(rows) - _NEIGHBOURS - 1)
        near = [other for other in range(first, first + _NEIGHBOURS + 1) if other != index]
        curve, own = (float(_through(place[near], y[near], place[index])) for y in (psnr, before))
        found.append({"level": row["level"], "psnr": float(psnr[index]), "curve": curve,
                      "below": curve - float(psnr[index]),
                      "before": own - float(before[index])})  # fmt: skip
    return found


def _through(x, y, at):
    """The polynomial through points, by Lagrange."""
    return sum(
        y[i] * np.prod([(at - x[j]) / (x[i] - x[j]) for j in range(len(x)) if j != i])
        for i in range(len(x))
    )
