"""Trains and measures the compared methods on one trunk, with the same number of gradients.

Every row has the same pictures, patches, noise and steps. Rows that are in the store are not
trained again, and figures that it has are not measured again. The table is PSNR in dB on the
validation pictures; `--test` measures the test set of the paper's table too, for `--plot`.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from benchmarks.paper.network_size import multiply_adds
from benchmarks.paper.published import PAPER, published_points
from keras_hyper.evaluation.report import Measurement, measure_folder
from keras_hyper.evaluation.tables import plot_psnr, save_figure
from keras_hyper.methods import METHODS, Method
from keras_hyper.models import load_hyper_res
from keras_hyper.restoration.restorer import open_restorer
from keras_hyper.training import TrainingConfig, train
from keras_hyper.training.folder import has_checkpoint
from keras_hyper.training.restoring import psnr_before_and_after
from pipelines import TASKS, split, validation_pairs


@dataclass(frozen=True)
class Row:
    """One method in one schedule.

    Args:
        name: In the table.
        method: As of ``train.py --method``.
        schedule: As of ``train.py --schedule``; None for the method's own.
        deviation: How it differs from the paper of its authors.
        dedicated: Whether one network a level is trained.
        drawn: Whether the levels of every step are drawn from the range of the others.
    """

    name: str
    method: str
    schedule: str | None = None
    deviation: str = ""
    dedicated: bool = False
    drawn: bool = False


ROWS = (
    Row("dedicated", "plain", dedicated=True),
    Row("blind", "blind"),
    Row("level map", "level_map", deviation="on this trunk, not FFDNet's"),
    Row("biases", "biases"),
    Row("biases, two ends", "biases", "ends"),
    Row("scaling", "cresmd", deviation="long skip; all levels a patch; scalar 0 is the weakest"),
    Row("AdaFM 1x1", "adafm", deviation="equal stages; ends of the table"),
    Row("AdaFM 1x1, joint", "adafm", "joint", deviation="one stage"),
    Row("CFSNet", "cfsnet", deviation="on this trunk; one mixing vector, from 0.1"),
    Row("CFSNet, joint", "cfsnet", "joint", deviation="one stage"),
    Row("Dynamic-Net", "dynamic_net", deviation="published without a restoration task"),
    Row("Dynamic-Net, joint", "dynamic_net", "joint", deviation="one stage"),
    Row("DNI", "dni"),
    Row("FTN", "ftn", deviation="from its description"),
    Row("FTN, joint", "ftn", "joint", deviation="one stage"),
    Row("HyperRes, two ends", "hyperres", "ends"),
    Row("HyperRes", "hyperres"),
    Row("HyperRes, every convolution", "decouple", deviation="biases, no instance norm"),
    Row("three kernel sets", "three_sets"),
    Row("three kernel sets, two ends", "three_sets", "ends"),
    Row("level map, two ends", "level_map", "ends", deviation="on this trunk, not FFDNet's"),
    Row("non-linear generator", "generator"),
    # Each of its outputs belongs to a level, so that all levels must be trained.
    Row(
        "RCD",
        "rcd",
        deviation="levels drawn; maps not orthogonal, factors not predicted",
        drawn=True,
    ),
    Row("PnG, three levels", "png", deviation="from its description, single weights"),
)

# Files of arguments, such as those of the folder recipes/methods.
FILE_PREFIX = "@"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``python -m benchmarks.paper methods``."""
    parser.fromfile_prefix_chars = FILE_PREFIX
    add = parser.add_argument
    one_level = [name for name, task in TASKS.items() if not task.axes]
    add("--task", choices=one_level, default="denoise")
    add("--data", type=Path, help="folder of photographs to train on; by default those that ship")
    add("--valid", type=Path, help="folder to validate on; by default a tenth of --data")
    add("--levels", type=float, nargs="+", help="levels trained on; by default the task's")
    add("--steps", type=int, default=2000, help="training steps of each row")
    add("--batch", type=int, default=4, help="clean patches a step, at every level")
    add("--blocks", type=int, default=1, help="residual blocks")
    add("--channels", type=int, choices=[1, 3], default=3, help="1 for gray, as the paper's deJPEG")
    add("--rate", type=float, help="highest learning rate; the recipe's by default")
    add("--seed", type=int, default=0, help="of the weights, the patches and the noise")
    names = [row.name for row in ROWS]
    add(
        "--only",
        nargs="+",
        default=[],
        choices=names,
        metavar="NAME",
        help="only the rows of these names",
    )
    add("--out", type=Path, default=Path("runs/methods"), help="folder of the runs")
    add("--store", type=Path, required=True, help="JSON file of figures")
    add("--columns", type=float, nargs="+", help="levels of the table; by default all")
    add("--test", type=Path, help="folder of the paper's test set, such as CBSD68")
    add("--plot", type=Path, help="file of the plot of the rows over the test set's levels")


def job(args: argparse.Namespace) -> None:
    """Trains and measures what the store lacks, prints the table, and draws the plot."""
    known = json.loads(args.store.read_text()) if args.store.exists() else {}
    console, chosen = Console(stderr=True), {}
    for row in ROWS:
        if args.only and row.name not in args.only:
            continue
        key = f"{settings_of(args)}: {row.name}"
        console.print(f"[bold]{key}")
        runs = configs_of(row, args)
        if key not in known:
            known[key] = trained(row, runs, args, console)
        add_figures(known[key], row, runs, args)
        args.store.write_text(json.dumps(known, indent=1) + "\n")
        chosen[row.name] = known[key]
    show(known, args.task, args.columns)
    if args.plot:
        settings = settings_of(args).removeprefix(f"{args.task}, ")
        save_figure(plot(test_reports(chosen, args.task), args.task, settings), args.plot)


def settings_of(args: argparse.Namespace) -> str:
    """Returns task, size, length and seed, the keys of the store up to the name of a row."""
    blocks = f"{args.blocks} block{'s' * (args.blocks != 1)}"
    return f"{args.task}, {blocks}, {args.steps} steps, seed {args.seed}"


def levels_of(args: argparse.Namespace) -> list[float]:
    """Returns the levels trained on."""
    return args.levels or [float(level) for level in TASKS[args.task].levels]


def configs_of(row: Row, args: argparse.Namespace) -> list[TrainingConfig]:
    """Returns the settings of a row's trainings: one, or one a level."""
    levels = levels_of(args)
    out = args.out / f"{args.task}-{args.steps}-{args.seed}" / row.name.replace(" ", "-")
    config = TrainingConfig(
        args.task, data=args.data, valid=args.valid, out=out, levels=levels, method=row.method,
        schedule=row.schedule, steps=args.steps, batch=args.batch, blocks=args.blocks,
        channels=args.channels, rate=args.rate, seed=args.seed, validate_every=args.steps,
    )  # fmt: skip
    if row.drawn:
        return [replace(config, levels=[f"{levels[0]:g}:{levels[-1]:g}"], num_levels=len(levels))]
    if not row.dedicated:
        return [config]
    # As many gradients at its one level as the others have at all levels.
    return [
        replace(config, levels=[level], batch=args.batch * len(levels), out=out / f"{level:g}")
        for level in levels
    ]


def trained(row: Row, runs: list[TrainingConfig], args: argparse.Namespace, console: Console):
    """Trains a row, or resumes one that was stopped; returns seconds since then, and settings."""
    started = time.monotonic()
    for run in runs:
        train(replace(run, resume=has_checkpoint(run.folder)), console)
    return {
        "seconds": round(time.monotonic() - started),
        "levels": levels_of(args),
        "batch": args.batch,
        "rate": args.rate,
        "data": str(args.data or "pictures that ship"),
        "deviation": row.deviation,
    }


def add_figures(
    found: dict, row: Row, runs: list[TrainingConfig], args: argparse.Namespace
) -> None:
    """Adds sizes and PSNR by level to a stored row, where they are missing.

    Args:
        found: Of `trained`. ``psnr`` is of the validation pictures, at all levels of the task's
            curves; ``test`` has the rows of a report of the test set, at the paper's levels and
            those trained on.
        row: The method.
        runs: Of `configs_of`.
        args: Of the command.
    """
    task = TASKS[args.task]
    if "psnr" not in found:
        found["psnr"], held_out = {}, split(args.data, args.valid)[1]
        for run in runs:
            network = load_hyper_res(str(run.folder))
            levels = run.levels if row.dedicated else task.all_levels
            if row.method == "png":
                levels = [level for level, _ in network.level_table]
            pairs = validation_pairs(held_out, task, levels, channels=args.channels)
            for figures in psnr_before_and_after(network, pairs):
                found["psnr"][f"{figures['level']:g}"] = round(figures["psnr_after"], 3)
        found["stored"] = network.count_params() * len(runs)
        # Blocks of the method's own stay in the network at every level.
        own_blocks = METHODS[row.method].block_at is not Method.block_at
        fixed = network if own_blocks else network.at_level(found["levels"][0])
        found["run_time"], found["multiply_adds"] = fixed.count_params(), multiply_adds(network)
    if args.test and "test" not in found:
        found["test"] = []
        for run in runs:
            levels = run.levels if row.dedicated else {*PAPER[task.name].levels, *found["levels"]}
            protocol = task.protocols[0]
            with open_restorer(str(run.folder), task.name) as restorer:
                settings = Measurement(task, protocol, sorted(levels), metrics=("psnr",))
                found["test"] += measure_folder(settings, args.test, restorer)["rows"]


def show(known: dict, task: str, columns: list[float] | None = None) -> None:
    """Prints the stored figures of a task as Markdown, a table for each length, size and seed.

    Args:
        known: The store.
        task: Name of the task.
        columns: The levels shown; by default all.
    """
    tables: dict[str, dict] = {}
    for key, row in known.items():
        settings, _, name = key.partition(": ")
        if settings.startswith(f"{task}, "):
            tables.setdefault(settings, {})[name] = row
    for settings, rows in tables.items():
        levels = columns or sorted({float(level) for row in rows.values() for level in row["psnr"]})
        names = [f"{level:g}" for level in levels]
        sizes = "stored | at run time | multiply-adds a pixel"
        print(f"{settings}\n")
        print(f"| method | {sizes} | {' | '.join(names)} | seconds | deviation |")
        print(f"|---|---:|---:|---:|{'---:|' * len(names)}---:|---|")
        for name, row in rows.items():
            cells = [f"{row['psnr'][level]:.2f}" if level in row["psnr"] else "" for level in names]
            sizes = f"{row['stored']:,} | {row['run_time']:,} | {row['multiply_adds']:,.0f}"
            figures = f"{sizes} | {' | '.join(cells)} | {row['seconds']}"
            print(f"| {name} | {figures} | {row['deviation']} |")
        print()


def test_reports(rows: dict[str, dict], task: str) -> list[dict]:
    """Returns the figures of the test set as `keras_hyper.evaluation.tables.plot_psnr` takes them.

    Args:
        rows: Of `job`, by name. Those without figures of the test set are skipped.
        task: Name of the task.
    """
    row_of, protocol = TASKS[task], TASKS[task].protocols[0]
    return [
        {"model": name, "task": task, "unit": row_of.unit, "protocol": protocol.text,
         "rows": sorted(row["test"], key=lambda one: one["level"])}
        for name, row in rows.items() if "test" in row
    ]  # fmt: skip


def plot(reports: Sequence[dict], task: str, settings: str):
    """Returns the plot of `test_reports` over the level, with the paper's printed points.

    Args:
        reports: Of `test_reports`, at least one.
        task: Name of the task.
        settings: Size and length of the trainings, for the title.
    """
    table = PAPER[task]
    title = f"{TASKS[task].title}, {table.pictures}, {settings}"
    return plot_psnr(
        reports, title, published_points(task, TASKS[task].protocols[0].name, table.pictures)
    )
