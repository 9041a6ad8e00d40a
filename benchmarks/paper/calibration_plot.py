"""Figure 5: the best input level against the true level."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.paper.page import Plot
from keras_hyper.evaluation.tables import figure_class


def calibration_plot(reports: Sequence[dict[str, Any]]) -> Plot:
    """Plots the best input level against the true level, two bars per level.

    Args:
        reports: As ``python -m benchmarks.paper calibrate --json`` writes them: ``task``,
            ``data`` and ``rows`` of ``level`` and ``best``, one row per picture.

    Returns:
        The plot, with one panel per report.

    Raises:
        ValueError: If a report has no such rows, or matplotlib is not installed.
    """
    figure = figure_class()(figsize=(7.2, 3.2 * len(reports)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(reports)))
    for axes, report in zip(panels, reports, strict=True):
        levels, means, spread = _by_level(report)
        places = np.arange(len(levels))
        axes.bar(places - 0.2, levels, 0.4, color="#1b6e3c", label="true level")
        axes.bar(places + 0.2, means, 0.4, yerr=spread, color="#8fce9f", label="best input level")
        axes.set_xticks(places, [f"{level:g}" for level in levels])
        axes.set_xlabel("true level")
        axes.set_ylabel("input level")
        axes.set_title(f"{report['task']}, {report['data']}")
        axes.legend(fontsize="small", frameon=False)
    caption = (
        "The input level of the highest PSNR and the true level. Bars are means over the pictures, "
        "whiskers their standard deviation."
    )
    return Plot("figure5-calibration", figure, caption)


def _by_level(report):
    rows = report.get("rows") or []
    if not rows or not all("level" in row and "best" in row for row in rows):
        raise ValueError(
            "a calibration has rows of `level` and `best`, as `python -m benchmarks.paper "
            "calibrate --json` writes it with clean pictures, got "
            f"{sorted(rows[0]) if rows else 'no rows'}"
        )
    levels = sorted({row["level"] for row in rows})
    groups = [[row["best"] for row in rows if row["level"] == level] for level in levels]
    return levels, [float(np.mean(one)) for one in groups], [float(np.std(one)) for one in groups]
