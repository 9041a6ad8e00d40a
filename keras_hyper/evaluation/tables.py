"""Rows, means, tables and plots of an evaluation."""

import csv
import io
import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_hyper.evaluation.score import METRICS
from pipelines.levels import level_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

# Distinct in gray and with colour blindness (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")


def level_rows(pictures: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns one row per level: means over the pictures.

    Args:
        pictures: Rows of ``set``, ``picture``, ``level`` and figures.

    Returns:
        Rows of ``set``, ``level``, ``pictures``, the means, gains (``psnr_gain``, ...) where
        before and after exist, and ``seconds_per_picture``; in order of the level.
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
    """Returns the means over the levels, as in the last column of the paper's tables."""
    names = [name for name in rows[0] if name not in ("set", "level", "pictures")]
    return {name: float(np.mean([row[name] for row in rows])) for name in names}


def table_cells(report: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Returns headings and cells of a report's table: one row per level, and the mean."""
    columns = []  # heading, name and format of every figure
    for name, metric in METRICS.items():
        for suffix, sign in (("before", ""), ("after", ""), ("gain", "+")):
            if f"{name}_{suffix}" in report["rows"][0]:
                form = f"{sign}.{metric.digits}f"
                columns.append((f"{metric.heading} {suffix}", f"{name}_{suffix}", form))
    if "seconds_per_picture" in report["rows"][0]:
        columns.append(("s/picture", "seconds_per_picture", ".3f"))
    headings = ["level", *(heading for heading, _, _ in columns)]
    cells = []
    for row in report["rows"]:
        numbers = [format(row[name], form) for _, name, form in columns]
        cells.append([level_text(row["level"], report.get("axes", ())), *numbers])
    if len(report["rows"]) > 1:
        numbers = [format(report["mean"][name], form) for _, name, form in columns]
        cells.append(["mean", *numbers])
    return headings, cells


def markdown_table(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table; all columns but the first are right-aligned."""
    rule = ["---", *("---:" for _ in headings[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in [headings, rule, *cells]) + "\n"


def as_markdown(report: dict[str, Any], plot: str | None = None) -> str:
    """Returns a report as a page: protocol, table, plot, skipped pictures, command.

    Args:
        report: As ``keras-hyper evaluate --json`` writes it.
        plot: Path of the plot, relative to the page.
    """
    lines = [f"# {title_of(report)}", ""]
    if report["model"]:
        lines += [f"Model: {report['model']}.", ""]
    lines += [
        f"Protocol {report['protocol']}. PSNR in dB.",
        "",
        markdown_table(*table_cells(report)),
    ]
    if plot:
        lines += [f"![PSNR over the level]({plot})", ""]
    lines += [f"Skipped: {line}\n" for line in report["skipped"]]
    lines += [f"Note: {line}\n" for line in report["notes"]]
    lines += [f"Again: `{report['command']}`", ""]
    return "\n".join(lines)


def title_of(report: dict[str, Any]) -> str:
    """Returns task, set and number of pictures, as text."""
    first = report["rows"][0]
    return f"{report['task']}, {first['set']}, {first['pictures']} pictures"


def as_csv(pictures: Sequence[dict[str, Any]]) -> str:
    """Returns the figures as CSV, one line per picture and level."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(pictures[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(pictures)
    return text.getvalue()


def rich_table(report: dict[str, Any]) -> "Table":
    """Returns a report's table for the terminal."""
    from rich.table import Table

    headings, cells = table_cells(report)
    table = Table(title=f"{title_of(report)}; PSNR in dB", caption=report["protocol"])
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=heading == headings[0])
    for row in cells:
        table.add_row(*row)
    return table


def write_report(report: dict[str, Any], folder: Path) -> None:
    """Writes a report as JSON, CSV and Markdown, with a plot if matplotlib is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    (folder / "pictures.csv").write_text(as_csv(report["pictures"]))
    try:
        figure = plot_psnr([report])
    except ValueError as error:
        report["notes"].append(f"no plot: {error}")
    else:
        for suffix in ("svg", "png"):
            save_figure(figure, folder / f"psnr.{suffix}")
    plot = "psnr.png" if (folder / "psnr.png").exists() else None
    (folder / "report.md").write_text(as_markdown(report, plot))


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

    def position(row):
        return level_text(row["level"]) if first.get("axes") else row["level"]

    levels = [position(row) for row in first["rows"]]
    before = [row["psnr_before"] for row in first["rows"]]
    axes.plot(levels, before, color="0.55", marker=".", label="degraded")
    for report, colour in zip(reports, _COLOURS * len(reports), strict=False):
        rows = [row for row in report["rows"] if "psnr_after" in row]
        if rows:
            after = [row["psnr_after"] for row in rows]
            axes.plot([position(row) for row in rows], after, color=colour, marker="o",
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
