"""Measures PSNR and SSIM per level by a protocol that is printed with the figures."""

import argparse
import json
import shlex
import sys
from pathlib import Path

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.restoration import restorer as restorers
from keras_hyper.restoration.engines import ENGINES
from pipelines import TASKS, get_protocol


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper evaluate``."""
    add = parser.add_argument
    add("--task", required=True, choices=list(TASKS), help="the degradation to remove")
    add("--data", required=True, type=Path, help="folder of clean pictures")
    protocols = "; ".join(
        f"{name}: {', '.join(row.name for row in task.protocols)}" for name, task in TASKS.items()
    )
    add("--protocol", metavar="NAME", help=f"{protocols}; by default the first")
    add("--levels", nargs="+", metavar="L", help="numbers, `paper` for the columns of its table, "
        "`all`, or `trained`; by default those trained on")  # fmt: skip
    add("--model", help="a model.keras, a run's folder, a SavedModel, or a server "
        "HOST:PORT[/MODEL]; by default the network that ships")  # fmt: skip
    add("--degraded-only", action="store_true", help="measure the degraded pictures, no model")
    add("--metrics", nargs="+", default=["psnr", "ssim"], metavar="M",
        help="psnr, ssim, ms_ssim, psnr_b, lpips")  # fmt: skip
    add("--precision", choices=["float32", "bfloat16"], default="float32", help="of layers")
    add("--engine", choices=ENGINES, default="tensorflow", help="what runs the network")
    add("--seed", type=int, default=0, help="of the noise")
    add("--json", type=Path, metavar="F", help="also write the rows to this file")
    add("--out", type=Path, metavar="DIR", help="also write tables and plots there, and each "
        "figure once it is measured")  # fmt: skip
    add("--resume", action="store_true", help="with --out: reuse its figures")


def job(args: argparse.Namespace) -> int:
    """Measures, prints and writes; returns 1 if a picture was skipped because of an error."""
    from rich.console import Console

    from keras_hyper.evaluation.report import Measurement, measure_folder, named_levels
    from keras_hyper.evaluation.score import checked_metrics
    from keras_hyper.evaluation.tables import rich_table, write_report

    task = TASKS[args.task]
    protocol = checked(lambda: get_protocol(task, args.protocol))
    restorer = _restorer(args)
    levels = named_levels(args.levels, task, protocol, restorer)
    metrics = checked(lambda: checked_metrics(args.metrics))
    measurement = Measurement(task, protocol, levels, metrics, args.seed, args.precision)
    report = measure_folder(
        measurement,
        args.data,
        restorer,
        store=args.out and args.out / "figures.jsonl",
        reuse=args.resume,
        console=Console(stderr=True),
    )
    report["command"] = f"keras-hyper evaluate {_command(args)}"
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1))
    if args.out:
        write_report(report, args.out)
    for line in report["notes"]:
        print(f"keras-hyper: {line}", file=sys.stderr)
    Console().print(rich_table(report))
    for line in report["skipped"]:
        print(f"skipped: {line}")
    return 1 if report["skipped"] else 0


def _restorer(args):
    if args.degraded_only and args.model:
        raise WrongArgumentError("expected --degraded-only or --model, got both")
    if args.resume and args.out is None:
        raise WrongArgumentError("expected --out with --resume, the folder of the run to continue")
    if args.degraded_only:
        return None
    restorer = restorers.open_restorer(
        args.model or args.task, args.task, args.precision, args.engine
    )
    if args.resume and restorer.identity is None:
        raise WrongArgumentError(
            f"expected a model file for --resume, got {args.model}, which may have changed"
        )
    return restorer


def _command(args):
    """Returns the arguments that give the same figures again."""
    defaults = {"metrics": ["psnr", "ssim"], "precision": "float32", "engine": "tensorflow"}
    words: list[str] = []
    for name in ("task", "data", "protocol", "levels", "model", "degraded_only", "metrics",
                 "precision", "engine", "seed", "plugin"):  # fmt: skip
        value = getattr(args, name)
        if value and value != defaults.get(name):
            values = value if isinstance(value, list) else [] if value is True else [value]
            words += [f"--{name.replace('_', '-')}", *map(str, values)]
    return shlex.join(words)
