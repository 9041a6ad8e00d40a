"""What a searched table of coefficients gains over proportional ones, for networks of two ends.

Reads the `coefficients.json` that `train.py --method` writes beside a network of two ends.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_hyper.errors import WrongArgumentError
from keras_hyper.evaluation.tables import figure_class, save_figure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``python -m benchmarks.paper level-table``."""
    add = parser.add_argument
    add("runs", nargs="+", type=Path, help="folders of networks that were trained at two ends")
    add("--plot", type=Path, help="file of the plot, such as table.svg")


def job(args: argparse.Namespace) -> None:
    """Prints the table of every network, and draws all."""
    found = {}
    for run in args.runs:
        path = run / "coefficients.json"
        if not path.is_file():
            raise WrongArgumentError(f"expected a network of two ends, found no {path}")
        found[run.parent.name] = compared(json.loads(path.read_text()))
    for name, rows in found.items():
        print(f"| {name} | {' | '.join(f'{level:g}' for level in rows['level'])} |")
        print(f"|---|{'---:|' * len(rows['level'])}")
        for words in ("searched", "proportional"):
            for figure, digits in (("coefficient", 2), ("PSNR, dB", 2)):
                cells = " | ".join(f"{value:.{digits}f}" for value in rows[words, figure])
                print(f"| {words}: {figure} | {cells} |")
        print()
    if args.plot:
        save_figure(table_plot(found), args.plot)


def compared(search: Mapping[str, Any]) -> dict:
    """Returns coefficients and PSNR by level, searched and proportional.

    Args:
        search: Of `coefficients.json`: ``levels``, ``coefficients``, ``psnr`` in dB as rows a
            level, and the ``table`` of points ``[level, coefficient]``.

    Returns:
        ``level``, and ``(words, figure)``: a proportional coefficient is 0 at one end of the
        levels and 1 at the other. PSNR between two coefficients of the search is interpolated.
    """
    levels = np.array([level for level, _ in search["table"]])
    searched = np.array([coefficient for _, coefficient in search["table"]])
    proportional = (levels - levels[0]) / (levels[-1] - levels[0])
    if searched[0] > searched[-1]:
        proportional = 1 - proportional
    by_level = dict(zip(search["levels"], search["psnr"], strict=True))
    found: dict = {"level": levels}
    for words, coefficients in (("searched", searched), ("proportional", proportional)):
        found[words, "coefficient"] = coefficients
        found[words, "PSNR, dB"] = np.array([
            np.interp(coefficient, search["coefficients"], by_level[level])
            for level, coefficient in zip(levels, coefficients, strict=True)
        ])  # fmt: skip
    return found


def table_plot(found: Mapping[str, dict]) -> Any:
    """Returns the plot of coefficients and PSNR over the level, one line a network.

    Args:
        found: Of `compared`, by name.
    """
    figure = figure_class()(figsize=(8.4, 3.8), layout="constrained")
    for axes, label in zip(figure.subplots(1, 2), ("coefficient", "PSNR, dB"), strict=True):
        for number, (name, rows) in enumerate(found.items()):
            for words, line in (("searched", "o-"), ("proportional", "--")):
                axes.plot(rows["level"], rows[words, label], line, color=f"C{number}",
                          markersize=4, label=f"{name}, {words}")  # fmt: skip
        axes.set(xlabel="level", ylabel=label)
        axes.grid(color="0.9")
    axes.legend(fontsize="x-small", frameon=False)
    return figure
