"""Finds the best input level for each picture and true level (the manual setting).

With --noisy the pictures of --data are noisy and no clean ones are needed. It then finds the
level of the smallest estimated risk at the estimated noise.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.models import load_hyper_res, load_level_estimator
from pipelines import TASKS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``python -m benchmarks.paper calibrate``."""
    add = parser.add_argument
    add("--task", required=True, help="task of the network",
        choices=[name for name, task in TASKS.items() if not task.axes])  # fmt: skip
    add(
        "--data",
        required=True,
        type=Path,
        help="folder of clean pictures, or of noisy ones with --noisy",
    )
    add("--noisy", action="store_true", help="the pictures are noisy, without clean ones")
    add("--levels", nargs="+", help="true levels; by default the trained levels")
    add("--model", help="a model.keras or a run's folder; by default the network that ships")
    add("--estimator", default="estimate", help="for --noisy: a model.keras or a preset")
    add("--pictures", type=int, default=12, help="maximum number, spread over the folder")
    add("--side", type=int, default=256, help="side of the central crop of each, in pixels")
    add("--json", type=Path, metavar="F", help="also write the rows to this file")
    add("--plot", type=Path, metavar="F", help="plot best against true level (.png, .svg)")


def job(args: argparse.Namespace) -> None:
    """Searches and prints a table."""
    from pipelines.images import find_pictures

    if args.noisy and not TASKS[args.task].white_gaussian:
        raise WrongArgumentError(
            f"--noisy: expected a task of white Gaussian noise, got --task {args.task}"
        )
    if args.side < 16 or args.pictures < 1:
        raise WrongArgumentError(
            f"expected --pictures of at least 1 and --side of at least 16, got "
            f"{args.pictures} and {args.side}"
        )
    model = load_hyper_res(args.model or args.task)
    if model.task != args.task:
        raise WrongArgumentError(f"expected a model for {args.task}, got one for {model.task}")
    paths = checked(lambda: find_pictures(args.data))
    paths = [paths[number] for number in _spread(len(paths), args.pictures)]
    rows = (_without_clean if args.noisy else _with_clean)(paths, model, args)
    report = {"task": args.task, "data": args.data.name, "side": args.side,
              "truth": "estimated" if args.noisy else "true", "rows": rows}  # fmt: skip
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1))
    _show(report)
    if args.plot:
        _draw(report, model.unit, args.plot)


def _spread(count, maximum):
    return (
        [number * count // maximum for number in range(maximum)]
        if count > maximum
        else range(count)
    )


def _search(model):
    """Returns ``(picture, level) -> restored``, the bounds of the search and its tolerance."""
    from keras import ops

    task = TASKS[model.task]
    low, high = model.level_range
    margin = (high - low) / 4
    bounds = max(task.minimum, low - margin), min(task.maximum, high + margin)

    def run(picture, level):
        inputs = {"image": picture[None], "level": np.float32(level)}
        return ops.convert_to_numpy(model(inputs))[0]

    return run, bounds, (high - low) / 500


def _with_clean(paths, model, args):
    import pipelines
    from benchmarks.paper.best_level import best_level
    from pipelines.dataset.benchmark import benchmark_pairs
    from pipelines.images import middle

    task = TASKS[args.task]
    words = args.levels or [f"{level:g}" for level in model.levels or model.level_range]
    levels = checked(lambda: pipelines.parse_levels(words, task)).spread()
    run, bounds, tolerance = _search(model)
    rows = []
    for level in _with_progress(levels):
        for path, degraded, clean in benchmark_pairs(paths, task, level, model.channels):
            degraded, clean = (middle(part, args.side) for part in (degraded, clean))
            best, psnr = best_level(run, degraded, clean, bounds, tolerance)
            at_truth = np.square(np.clip(run(degraded, level), 0, 1) - clean).mean()
            rows.append({"picture": path.name, "level": level, "best": best, "psnr_best": psnr,
                         "psnr_at_level": float(-10 * np.log10(at_truth)),
                         **_by_risk(run, degraded, level, bounds, tolerance, task)})  # fmt: skip
    return rows


def _by_risk(run, degraded, level, bounds, tolerance, task):
    from benchmarks.paper.best_level import least_risk_level

    if not task.white_gaussian:
        return {}
    return {"least_risk": least_risk_level(run, degraded, level, bounds, tolerance)[0]}


def _without_clean(paths, model, args):
    from benchmarks.paper.best_level import least_risk_level
    from keras_hyper.restoration.picture import estimate
    from pipelines.images import middle, read_picture

    estimator = load_level_estimator(args.estimator)
    run, bounds, tolerance = _search(model)
    rows = []
    for path in _with_progress(paths):
        picture = read_picture(path, model.channels)
        sigma = estimate(picture, estimator)
        part = middle(picture, args.side)
        level, psnr = least_risk_level(run, part, sigma, bounds, tolerance)
        rows.append({"picture": path.name, "level": sigma, "least_risk": level, "psnr": psnr})
    return rows


def _with_progress(items):
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(items, "calibrating", console=console, disable=not console.is_terminal)


def _show(report):
    from rich.console import Console
    from rich.table import Table

    rows = report["rows"]
    columns = [name for name in rows[0] if name not in ("picture", "level")]
    table = Table(title=f"{report['data']}, central {report['side']} pixels of each picture")
    by_picture = "best" not in columns
    for heading in (*(["picture", "estimated"] if by_picture else ["level"]), *columns):
        table.add_column(heading.replace("_", " "), justify="right")
    if by_picture:
        for row in rows:
            table.add_row(row["picture"], *(f"{row[name]:.2f}" for name in ("level", *columns)))
    else:
        for level in dict.fromkeys(row["level"] for row in rows):
            group = [row for row in rows if row["level"] == level]
            means = (np.mean([row[name] for row in group]) for name in columns)
            table.add_row(f"{level:g}", *(f"{mean:.2f}" for mean in means))
    Console().print(table)


def _draw(report, unit, path):
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError(
            "--plot needs matplotlib, which is not installed: pip install '.[calibrate]'"
        ) from error

    rows = report["rows"]
    axes = (figure := Figure(figsize=(6, 6))).add_subplot()
    axes.axline((0, 0), slope=1, color="0.7", label="the level itself")
    for name, marker in (("best", "o"), ("least_risk", "x")):
        if name in rows[0]:
            found = [row[name] for row in rows]
            axes.plot([row["level"] for row in rows], found, marker, label=name.replace("_", " "))
    axes.set(xlabel=f"{report['truth']} level, {unit}", ylabel="input level", title=report["data"])
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
