"""Rows, means and tables of an evaluation, as Markdown and CSV."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_hyper.evaluation.score import METRICS

if TYPE_CHECKING:
    from rich.table import Table


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
    columns = _columns(report["rows"][0])
    headings = ["level", *(heading for heading, _, _ in columns)]
    cells = []
    for row in report["rows"]:
        numbers = [format(row[name], form) for _, name, form in columns]
        cells.append([f"{row['level']:g}", *numbers])
    if len(report["rows"]) > 1:
        numbers = [format(report["mean"][name], form) for _, name, form in columns]
        cells.append(["mean", *numbers])
    return headings, cells


def _columns(row):
    """Returns heading, name and format of every figure in a row."""
    columns = []
    for name, metric in METRICS.items():
        for suffix, words, sign in (("before", "before", ""), ("after", "after", ""),
                                    ("gain", "gain", "+")):  # fmt: skip
            if f"{name}_{suffix}" in row:
                form = f"{sign}.{metric.digits}f"
                columns.append((f"{metric.heading} {words}", f"{name}_{suffix}", form))
    if "seconds_per_picture" in row:
        columns.append(("s/picture", "seconds_per_picture", ".3f"))
    return columns


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
        table.add_column(heading, justify="right")
    for row in cells:
        table.add_row(*row)
    return table


def write_report(report: dict[str, Any], folder: Path) -> None:
    """Writes a report as JSON, CSV and Markdown, with a plot if matplotlib is installed."""
    from keras_hyper.evaluation.plot import plot_psnr, save_figure

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
