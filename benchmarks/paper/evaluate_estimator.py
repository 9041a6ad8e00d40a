"""Measures the error of an estimator, and the loss in PSNR of restoring at its estimate.

Noise is added to clean pictures (clipped and floored to 8 bits, as in the paper). Its level is
estimated from one crop at a random position, and by the median over the grid of crops.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.models import load_hyper_res, load_level_estimator
from pipelines import TASKS

# Levels over which "relative accuracy" is averaged, one crop each. With this definition the
# paper's released network comes closest to the paper's figure.
_RELATIVE = (15.0, 75.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``python -m benchmarks.paper evaluate-estimator``."""
    add = parser.add_argument
    add("--data", required=True, type=Path, help="folder of clean pictures")
    add("--model", default="estimate", help="a model.keras, a run's folder, or a preset")
    add(
        "--levels",
        nargs="+",
        default=[str(level) for level in range(5, 101, 5)],
        help="to estimate",
    )
    add("--seeds", type=int, default=3, help="number of samples of the noise and of the one crop")
    add(
        "--restorer",
        metavar="MODEL",
        help="also restore with the known and with the estimated level",
    )
    add("--blind-levels", nargs="+", default=["15", "25", "50"], help="levels to restore at")
    add("--json", type=Path, metavar="F", help="also write the rows to this file")


def job(args: argparse.Namespace) -> None:
    """Measures and prints the tables."""
    import pipelines
    from pipelines.images import find_pictures

    estimator = load_level_estimator(args.model)
    restorer = load_hyper_res(args.restorer) if args.restorer else None
    if restorer and (restorer.task, restorer.channels) != (estimator.task, estimator.channels):
        raise WrongArgumentError(
            f"expected a restorer for {estimator.task} with {estimator.channels} channels, got one "
            f"for {restorer.task} with {restorer.channels}"
        )
    task = TASKS[estimator.task]
    levels, blind = (
        checked(lambda words=words: pipelines.parse_levels(words, task)).spread()
        for words in (args.levels, args.blind_levels)
    )
    paths = checked(lambda: find_pictures(args.data))
    one, grid = _estimates(paths, task, levels, estimator, args.seeds)
    report = {"data": args.data.name, "pictures": len(paths), "seeds": args.seeds,
              "one_crop": one, "grid": grid}  # fmt: skip
    _show(report)
    if restorer:
        report["blind"] = _blind(paths, task, blind, estimator, restorer)
        _show_blind(report)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1))


def _estimates(paths, task, levels, estimator, seeds):
    from rich.console import Console
    from rich.progress import track

    from benchmarks.paper.level_figures import level_figures
    from pipelines.dataset.benchmark import benchmark_pairs

    console = Console(stderr=True)
    one: list[dict] = []
    grid: list[dict] = []
    for level in track(levels, "levels", console=console, disable=not console.is_terminal):
        estimated: list[tuple[float, float]] = []
        for seed in range(seeds):
            rng = np.random.default_rng((seed, round(level * 1000)))
            pairs = benchmark_pairs(paths, task, level, estimator.channels, seed)
            estimated += [
                (
                    float(estimator(_crop(noisy, estimator.crop, rng)[None])[0]),
                    float(estimator.over_grid(noisy[None])[0]),
                )
                for _, noisy, _ in pairs
            ]
        for rows, values in zip((one, grid), zip(*estimated, strict=True), strict=True):
            rows.append(level_figures(level, values))
    return one, grid


def _crop(picture, side, rng):
    top, left = (int(rng.integers(0, max(length - side, 0) + 1)) for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def _blind(paths, task, levels, estimator, restorer):
    from keras_hyper.restoration.picture import estimate, restore
    from pipelines.dataset.benchmark import benchmark_pairs

    rows = []
    for level in levels:
        scores = []
        for _, noisy, clean in benchmark_pairs(paths, task, level, restorer.channels):
            estimated = estimate(noisy, estimator)
            used = level, estimated
            scores.append([_psnr(clean, restore(noisy, value, restorer)) for value in used])
        known, blind = np.mean(scores, axis=0).tolist()
        rows.append({"level": level, "known": known, "estimated": blind, "loss": known - blind})
    return rows


def _psnr(clean, restored):
    from keras_hyper.metrics import psnr

    return float(psnr(clean, np.rint(restored * 255) / np.float32(255)))


def _show(report):
    words = f"{report['data']}, {report['pictures']} pictures, {report['seeds']} samples"
    _table(f"one crop; {words}", report["one_crop"])
    _table(f"median over the grid; {words}", report["grid"])


def _table(title, rows):
    from rich.console import Console
    from rich.table import Table

    from benchmarks.paper.level_figures import over_levels

    table = Table(title=title)
    for heading in ("level", "bias", "sd", "error", "within 1", "2", "5", "relative"):
        table.add_column(heading, justify="right")
    named = [(f"{row['level']:g}", row) for row in rows] + [("all", over_levels(rows))]
    low, high = _RELATIVE
    if any(low <= row["level"] <= high for row in rows):
        named.append((f"{low:g}..{high:g}", over_levels(rows, low, high)))
    for name, row in named:
        shares = [f"{row[f'within_{bound}']:.0%}" for bound in (1, 2, 5)]
        table.add_row(name, f"{row['bias']:+.2f}", f"{row['deviation']:.2f}",
                      f"{row['error']:.2f}", *shares, f"{row['relative']:.2%}")  # fmt: skip
    Console().print(table)


def _show_blind(report):
    from rich.console import Console
    from rich.table import Table

    table = Table(title="PSNR in dB, restored at the known and at the estimated level")
    for heading in ("level", "known", "estimated", "loss"):
        table.add_column(heading, justify="right")
    for row in report["blind"]:
        table.add_row(f"{row['level']:g}", f"{row['known']:.3f}", f"{row['estimated']:.3f}",
                      f"{row['loss']:.3f}")  # fmt: skip
    Console().print(table)
