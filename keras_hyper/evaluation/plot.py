"""Plots of PSNR over the level."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Distinct in gray and with colour blindness (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")


@dataclass(frozen=True)
class Published:
    """Published points of a plot.

    Args:
        label: Their source.
        levels: In the task's unit.
        psnr: In dB, one a level.
        marker: A marker of matplotlib.
    """

    label: str
    levels: Sequence[float]
    psnr: Sequence[float]
    marker: str


def figure_class() -> type["Figure"]:
    """Returns matplotlib's ``Figure``, which needs no display and has no global state.

    Raises:
        ValueError: If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError(
            "plots need matplotlib, which is not installed: pip install '.[report]'"
        ) from error
    return Figure


def plot_psnr(
    reports: Sequence[dict[str, Any]], title: str = "", published: Sequence[Published] = ()
) -> "Figure":
    """Plots PSNR over the level: degraded, restored, and published points.

    Args:
        reports: Of ``keras-hyper evaluate --json``: one set and protocol, one report per network.
        title: By default task and set.
        published: Further points.

    Returns:
        A matplotlib ``Figure``.

    Raises:
        ValueError: If matplotlib is not installed.
    """
    figure = figure_class()(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    first = reports[0]
    pictures = first["rows"][0]["set"]
    levels = [row["level"] for row in first["rows"]]
    before = [row["psnr_before"] for row in first["rows"]]
    axes.plot(levels, before, color="0.55", marker=".", label="degraded")
    for report, colour in zip(reports, _COLOURS * len(reports), strict=False):
        rows = [row for row in report["rows"] if "psnr_after" in row]
        if rows:
            after = [row["psnr_after"] for row in rows]
            axes.plot([row["level"] for row in rows], after, color=colour, marker="o",
                      markersize=4, label=f"restored: {report['model']}")  # fmt: skip
    for points in published:
        axes.plot(points.levels, points.psnr, points.marker, color="0.15", markersize=6,
                  markerfacecolor="none", label=points.label)  # fmt: skip
    axes.set_xlabel(f"level ({first['unit']})")
    axes.set_ylabel("mean PSNR, dB")
    axes.set_title(title or f"{first['task']}, {pictures}, {first['rows'][0]['pictures']} pictures")
    axes.grid(color="0.9")
    axes.legend(fontsize="small", frameon=False)
    caption = "\n".join(textwrap.wrap(first["protocol"], 112))
    figure.supxlabel(caption, fontsize=6.5, color="0.35")
    return figure


def save_figure(figure: "Figure", path: Path) -> Path:
    """Writes a figure in the format of the path's suffix; the bytes are reproducible."""
    import matplotlib

    path.parent.mkdir(parents=True, exist_ok=True)
    # By default an SVG has the time, random names and the outlines of letters.
    with matplotlib.rc_context({"svg.hashsalt": "keras-hyper", "svg.fonttype": "none"}):
        metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, dpi=144, metadata=metadata)
    return path
