"""Reports of an evaluation as Markdown and CSV."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from keras_hyper.evaluation.score import METRICS


def table_cells(report: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Returns the headings and the cells of a report's table, one row a level and the mean."""
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
    """Heading, name and form of every figure that a row has."""
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
    """Returns a Markdown table; all columns but the first are set to the right."""
    rule = ["---", *("---:" for _ in headings[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in [headings, rule, *cells]) + "\n"


def as_markdown(report: dict[str, Any], plot: str | None = None) -> str:
    """Returns a report as a page: what was measured and how, the table, what was left out.

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
    lines += [f"Left out: {line}\n" for line in report["left_out"]]
    lines += [f"Note: {line}\n" for line in report["notes"]]
    lines += [f"Again: `{report['command']}`", ""]
    return "\n".join(lines)


def title_of(report: dict[str, Any]) -> str:
    """Returns task, set and how many pictures, in words."""
    first = report["rows"][0]
    return f"{report['task']}, {first['set']}, {first['pictures']} pictures"


def as_csv(pictures: Sequence[dict[str, Any]]) -> str:
    """Returns the figures of every picture at every level, a line each."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(pictures[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(pictures)
    return text.getvalue()
