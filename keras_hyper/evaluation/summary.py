"""From the figures of pictures to rows and means."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def level_rows(pictures: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns one row a level, means over the pictures.

    Args:
        pictures: Rows of ``set``, ``picture``, ``level`` and figures.

    Returns:
        Rows of ``set``, ``level``, ``pictures``, the means, ``psnr_gain`` and such where there is a
        before and an after, and ``seconds_per_picture``; levels ascend.
    """
    rows = []
    for level in sorted({row["level"] for row in pictures}):
        here = [row for row in pictures if row["level"] == level]
        row = {"set": here[0]["set"], "level": level, "pictures": len(here)}
        names = [name for name in here[0] if name not in ("set", "picture", "level", "seconds")]
        row |= {name: float(np.mean([one[name] for one in here])) for name in names}
        row |= gains(row)
        if "seconds" in here[0]:
            row["seconds_per_picture"] = float(np.mean([one["seconds"] for one in here]))
        rows.append(row)
    return rows


def gains(row: dict[str, Any]) -> dict[str, float]:
    """Returns ``X_gain`` for every ``X_before`` and ``X_after`` of a row."""
    return {
        name.replace("_after", "_gain"): row[name] - row[name.replace("_after", "_before")]
        for name in row
        if name.endswith("_after")
    }


def mean_row(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Returns the plain means over levels, as the last column of the paper's tables is one."""
    names = [name for name in rows[0] if name not in ("set", "level", "pictures")]
    return {name: float(np.mean([row[name] for row in rows])) for name in names}
