"""Measures PSNR and SSIM per level by a protocol that is printed beside every figure."""

import json
import shlex
import sys
from pathlib import Path

from keras_hyper.errors import WrongArgumentError, checked
from pipelines import TASKS, get_protocol


def add_arguments(parser):
    """Adds the arguments of ``keras-hyper evaluate``."""
    add = parser.add_argument
    add("--task", required=True, choices=list(TASKS), help="what to undo")
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
    add("--seed", type=int, default=0, help="of the noise")
    add("--json", type=Path, metavar="F", help="also write the rows to this file")
    add("--out", type=Path, metavar="DIR", help="also write tables and plots there, and every "
        "figure as it comes")  # fmt: skip
    add("--resume", action="store_true", help="with --out: reuse the figures that are there")


def job(args) -> int:
    """Measures, prints a table, writes what is asked for; returns 1 if a picture was left out."""
    from rich.console import Console

    from keras_hyper.evaluation.run import Measurement, measured

    task = TASKS[args.task]
    protocol = checked(lambda: get_protocol(task, args.protocol))
    restorer = _restorer(args)
    _check_resume(args, restorer)
    levels = _levels(args.levels, task, protocol, restorer)
    wanted = Measurement(task, protocol, levels, _metrics(args.metrics), args.seed, args.precision)
    report = measured(
        wanted,
        args.data,
        restorer,
        store=args.out and args.out / "figures.jsonl",
        reuse=args.resume,
        console=Console(stderr=True),
    )
    report["command"] = f"keras-hyper evaluate {_command(args)}"
    _write(report, args)
    for line in report["notes"]:
        print(f"keras-hyper: {line}", file=sys.stderr)
    _show(report)
    for line in report["left_out"]:
        print(f"left out: {line}")
    return 1 if report["left_out"] else 0


def _restorer(args):
    if args.degraded_only:
        if args.model:
            raise WrongArgumentError("--degraded-only measures no model. Received: --model")
        return None
    from keras_hyper.restoration.restorer import open_restorer

    return open_restorer(args.model or args.task, args.task, args.precision)


def _check_resume(args, restorer):
    if not args.resume:
        return
    if args.out is None:
        raise WrongArgumentError("--resume needs --out, the folder of the run that it goes on with")
    if restorer is not None and restorer.identity is None:
        raise WrongArgumentError(
            f"what {args.model} serves may have changed since: --resume wants a model's file"
        )


def _levels(words, task, protocol, restorer):
    """The levels that the words mean, ascending."""
    trained = restorer.levels or restorer.level_range if restorer else ()
    only = restorer.only_level if restorer else None
    named = {
        "paper": protocol.levels,
        "all": task.all_levels,
        "trained": (only,) if only is not None else trained or task.levels,
    }
    words = words or ["trained"]
    if len(words) == 1 and words[0] in named:
        levels = tuple(sorted(named[words[0]]))
    else:
        from pipelines import parse_levels

        levels = checked(lambda: parse_levels(words, task)).fixed
        if not levels:
            raise WrongArgumentError(
                f"levels to measure are numbers or one of {', '.join(named)}. "
                f"Received: {' '.join(words)}"
            )
    if only is not None and levels != (only,):
        raise WrongArgumentError(f"this model restores level {only:g} alone")
    return checked(lambda: tuple(protocol.check_level(task.check_level(level)) for level in levels))


def _metrics(names):
    from keras_hyper.evaluation import METRICS

    names = [name.replace("-", "_") for name in names]
    for name in names:
        if name not in METRICS:
            raise WrongArgumentError(f"No metric {name!r}. Choose of: {', '.join(METRICS)}")
        checked(METRICS[name].prepare)
    # Plots and the rows that scripts rely on are of PSNR and SSIM: these are always measured.
    return tuple(dict.fromkeys(("psnr", "ssim", *names)))


def _command(args):
    """The arguments that give the same figures again."""
    words = ["--task", args.task, "--data", str(args.data)]
    for name in ("protocol", "model"):
        if getattr(args, name):
            words += [f"--{name}", str(getattr(args, name))]
    words += ["--degraded-only"] * args.degraded_only
    if args.levels:
        words += ["--levels", *args.levels]
    if args.metrics != ["psnr", "ssim"]:
        words += ["--metrics", *args.metrics]
    if args.precision != "float32":
        words += ["--precision", args.precision]
    if args.seed:
        words += ["--seed", str(args.seed)]
    return shlex.join(words)


def _write(report, args):
    from keras_hyper.evaluation.tables import as_csv, as_markdown

    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1))
    if not args.out:
        return
    (args.out / "report.json").write_text(json.dumps(report, indent=1))
    (args.out / "pictures.csv").write_text(as_csv(report["pictures"]))
    (args.out / "report.md").write_text(as_markdown(report, _plot(report, args.out)))


def _plot(report, folder):
    from keras_hyper.evaluation.plot import plot_psnr, save_figure

    try:
        figure = plot_psnr([report])
    except ValueError as error:
        report["notes"].append(f"no plot was drawn: {error}")
        return None
    for suffix in ("svg", "png"):
        save_figure(figure, folder / f"psnr.{suffix}")
    return "psnr.png"


def _show(report):
    from rich.console import Console
    from rich.table import Table

    from keras_hyper.evaluation.tables import table_cells, title_of

    headings, cells = table_cells(report)
    table = Table(title=f"{title_of(report)}; PSNR in dB", caption=report["protocol"])
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in cells:
        table.add_row(*row)
    Console().print(table)
