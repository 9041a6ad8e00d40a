"""Untrained levels: do they fall below the curve through the neighbouring levels?"""

from collections.abc import Sequence

import numpy as np

# PSNR of pictures that were not degraded: a finite bound.
_UNDEGRADED = 99.0

# A cubic through two neighbours on each side.
_NEIGHBOURS = 4


def degraded(rows: Sequence[dict]) -> list[dict]:
    """Returns the rows of a report whose level degrades the picture."""
    return [row for row in rows if row["psnr_before"] < _UNDEGRADED]


def below_the_curve(rows: Sequence[dict], trained: Sequence[float]) -> list[dict]:
    """Compares untrained levels with the curve through their neighbours.

    Args:
        rows: Means of a report, at least seven levels, ascending: ``level``, ``psnr_before``,
            ``psnr_after``. Rows that are not `degraded` are skipped.
        trained: Levels trained on.

    Returns:
        One row per untrained level: ``level``; ``psnr``; ``curve``, the value at that level of
        the cubic over the logarithm of the level through the four nearest other levels; ``below``,
        by how many dB the restored pictures are below the curve; ``before``, the same for the
        degraded pictures.

    Raises:
        ValueError: If there are too few levels.
    """
    rows = degraded(rows)
    if len(rows) <= _NEIGHBOURS + 2:
        raise ValueError(f"expected at least seven levels, got {len(rows)}")
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
    """Evaluates the Lagrange polynomial through the points (x, y)."""
    return sum(
        y[i] * np.prod([(at - x[j]) / (x[i] - x[j]) for j in range(len(x)) if j != i])
        for i in range(len(x))
    )
