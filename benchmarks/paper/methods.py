"""Trains and measures the compared methods on one trunk, with the same number of gradients.

Every row has the same pictures, patches, noise and steps. Rows that are in the store are not
trained again. Figures are PSNR in dB on the validation pictures.
"""

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from keras_hyper.models import load_hyper_res
from keras_hyper.training import TrainingConfig, train
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
    """

    name: str
    method: str
    schedule: str | None = None
    deviation: str = ""
    dedicated: bool = False


ROWS = (
    Row("dedicated", "plain", dedicated=True),
    Row("blind", "blind"),
    Row("level map", "level_map", deviation="on this trunk, not FFDNet's"),
    Row("biases", "biases"),
    Row("biases, two ends", "biases", "ends"),
    Row("scaling", "cresmd", deviation="long skip; all levels a patch; scalar 0 is the weakest"),
    Row("scaling, two ends", "cresmd", "ends", deviation="as above"),
    Row("AdaFM 1x1", "adafm", deviation="equal stages; ends of the table"),
    Row("AdaFM 1x1, joint", "adafm", "joint", deviation="one stage"),
    Row("CFSNet", "cfsnet", deviation="on this trunk; one mixing vector, from 0.1"),
    Row("Dynamic-Net", "dynamic_net", deviation="published without a restoration task"),
    Row("DNI", "dni"),
    Row("FTN", "ftn", deviation="from its description"),
    Row("HyperRes, two ends", "hyperres", "ends"),
    Row("HyperRes", "hyperres"),
    Row("HyperRes, every convolution", "decouple", deviation="biases, no instance norm"),
    Row("three kernel sets", "three_sets"),
    Row("non-linear generator", "generator"),
    Row("RCD", "rcd", deviation="neither orthogonal maps nor predicted factors"),
    Row("PnG, three levels", "png", deviation="from its description, single weights"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``python -m benchmarks.paper methods``."""
    add = parser.add_argument
    add("--task", choices=[*TASKS], default="denoise")
    add("--data", type=Path, help="folder of photographs to train on; by default those that ship")
    add("--valid", type=Path, help="folder to validate on; by default a tenth of --data")
    add("--levels", type=float, nargs="+", help="levels trained on; by default the task's")
    add("--steps", type=int, default=2000, help="training steps of each row")
    add("--batch", type=int, default=4, help="clean patches a step, at every level")
    add("--blocks", type=int, default=1, help="residual blocks")
    add("--seed", type=int, default=0, help="of the weights, the patches and the noise")
    add("--only", nargs="+", default=[], help="train only rows whose name contains one of these")
    add("--out", type=Path, default=Path("runs/methods"), help="folder of the runs")
    add("--store", type=Path, required=True, help="JSON file of figures")


def job(args: argparse.Namespace) -> None:
    """Trains the rows that the store lacks, and prints the table."""
    known = json.loads(args.store.read_text()) if args.store.exists() else {}
    console = Console(stderr=True)
    for row in ROWS:
        key = f"{args.task}, {args.blocks} blocks, {args.steps} steps, seed {args.seed}: {row.name}"
        if key in known or (args.only and not any(word in row.name for word in args.only)):
            continue
        console.print(f"[bold]{key}")
        known[key] = measured(row, args, console)
        args.store.write_text(json.dumps(known, indent=1) + "\n")
    show(known, args.task)


def measured(row: Row, args: argparse.Namespace, console: Console) -> dict:
    """Trains a row; returns PSNR by level, parameters, seconds and settings."""
    task = TASKS[args.task]
    levels = args.levels or [float(level) for level in task.levels]
    out = args.out / f"{args.task}-{args.steps}-{args.seed}" / row.name.replace(" ", "-")
    config = TrainingConfig(
        args.task, data=args.data, valid=args.valid, out=out, levels=levels, method=row.method,
        schedule=row.schedule, steps=args.steps, batch=args.batch, blocks=args.blocks,
        seed=args.seed, validate_every=args.steps,
    )  # fmt: skip
    runs = [config]
    if row.dedicated:
        # As many gradients at its one level as the others have at all levels.
        runs = [
            replace(config, levels=[level], batch=args.batch * len(levels), out=out / f"{level:g}")
            for level in levels
        ]
    started, psnr, held_out = time.monotonic(), {}, split(args.data, args.valid)[1]
    for run in runs:
        train(run, console)
    seconds = time.monotonic() - started
    curve = [level for level in task.all_levels if min(levels) <= level <= max(levels)]
    for run in runs:
        network = load_hyper_res(str(run.folder))
        pairs = validation_pairs(held_out, task, run.levels if row.dedicated else curve)
        for figures in psnr_before_and_after(network, pairs):
            psnr[f"{figures['level']:g}"] = round(figures["psnr_after"], 3)
    return {
        "psnr": psnr,
        "parameters": network.count_params() * len(runs),
        "seconds": round(seconds),
        "levels": levels,
        "batch": args.batch,
        "data": str(args.data or "pictures that ship"),
        "deviation": row.deviation,
    }


def show(known: dict, task: str) -> None:
    """Prints the stored figures of a task as a Markdown table."""
    rows = {key: value for key, value in known.items() if key.startswith(f"{task}, ")}
    levels = sorted({float(level) for row in rows.values() for level in row["psnr"]})
    names = [f"{level:g}" for level in levels]
    print(f"| method | parameters | {' | '.join(names)} | seconds | deviation |")
    print(f"|---|---:|{'---:|' * len(names)}---:|---|")
    for key, row in rows.items():
        cells = [f"{row['psnr'][name]:.2f}" if name in row["psnr"] else "" for name in names]
        figures = f"{row['parameters']:,} | {' | '.join(cells)} | {row['seconds']}"
        print(f"| {key.removeprefix(f'{task}, ')} | {figures} | {row['deviation']} |")
