"""Prints the paper's tables and figures, ours beside them, as Markdown."""

import argparse
import json
import shlex
from pathlib import Path

from keras_hyper.errors import WrongArgumentError, checked
from pipelines import SAMPLE_PICTURES, TASKS, get_protocol


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``python -m benchmarks.paper report``."""
    add = parser.add_argument
    add("models", nargs="+", metavar="[TASK=]MODEL", help="as `keras-hyper evaluate --model` "
        "takes it; with TASK= if the model does not record its task")  # fmt: skip
    add(
        "--data", required=True, type=Path, help="folder of test sets, such as LIVE1, a folder each"
    )
    add("--out", type=Path, default=Path("report"), metavar="DIR", help="folder to write to")
    add("--name", default="results", help="of the page: NAME.md and a folder NAME")
    add("--title", default="Results", help="of the page")
    add("--levels", choices=["paper", "all"], default="all", help="on the curves")
    add("--noisy", type=Path, default=SAMPLE_PICTURES, metavar="DIR",
        help="noisy photographs, for the sweep over levels")  # fmt: skip
    add("--noisy-pictures", type=int, default=6, metavar="N", help="how many of them")
    add("--calibration", type=Path, nargs="+", default=[], metavar="F",
        help="JSON of `python -m benchmarks.paper calibrate`, for Figure 5")  # fmt: skip
    add(
        "--methods",
        type=Path,
        metavar="F",
        help="store of `python -m benchmarks.paper methods --test`, for Table 4 and Figures 2 to 4",
    )
    add("--precision", choices=["float32", "bfloat16"], default="float32", help="of layers")


def job(args: argparse.Namespace) -> None:
    """Measures what is missing and writes the page."""
    from benchmarks.paper.paper_report import paper_page
    from benchmarks.paper.report_sections import (
        add_literature,
        add_networks,
        add_sweeps,
        add_unpublished,
    )
    from keras_hyper.evaluation.tables import figure_class

    figure_class()  # before hours of measuring
    calibration = _calibration(args.calibration)
    if args.methods and not args.methods.is_file():
        raise WrongArgumentError(f"no such file: {args.methods}")
    methods = json.loads(args.methods.read_text()) if args.methods else {}
    if not args.data.is_dir():
        raise WrongArgumentError(f"no such folder: {args.data}")
    folder = args.out / args.name
    networks = [_measured(name, args, folder / "figures.jsonl") for name in args.models]
    page = paper_page(networks, args.title, calibration, methods)
    add_unpublished(page, networks)
    add_literature(page, networks)
    add_networks(page, networks)
    add_sweeps(page, networks)
    _add_commands(page, networks, args)
    page.save_plots(folder)
    written = args.out / f"{args.name}.md"
    written.write_text(page.as_markdown(args.name))
    print(written)


def _calibration(paths):
    from benchmarks.paper.calibration_plot import calibration_plot

    def read():
        return calibration_plot([json.loads(path.read_text()) for path in paths])

    for path in paths:
        if not path.is_file():
            raise WrongArgumentError(f"no such file: {path}")
    return checked(read) if paths else None


def _measured(name, args, store):
    from rich.console import Console

    from benchmarks.paper.network_size import network_size
    from benchmarks.paper.report_network import Measured, count_blocks
    from keras_hyper.restoration.restorer import open_restorer
    from pipelines.images import find_pictures

    task, _, model = name.rpartition("=")
    restorer = open_restorer(model, task or None, args.precision)
    task = task or restorer.task
    known = [name for name, task in TASKS.items() if not task.axes]
    if task not in known:
        raise WrongArgumentError(
            f"expected TASK=MODEL with a task of {', '.join(known)}, got {name}"
        )
    console = Console(stderr=True)
    found = Measured(
        model,
        task,
        count_blocks(restorer.facts.get("blocks", 0)),
        network_size(restorer.model) if restorer.model is not None else None,
        restorer.facts,
    )
    sets = TASKS[task].test_sets or sorted(p.name for p in args.data.iterdir() if p.is_dir())
    for pictures in sets:
        for protocol in [row.name for row in TASKS[task].protocols]:
            report = _report(args, task, protocol, pictures, restorer, store, console)
            if report:
                found.reports[protocol, pictures] = report
    paths = find_pictures(args.noisy)[: args.noisy_pictures]
    found.sweeps.update(swept(restorer, TASKS[task], paths, console))
    return found


def _report(args, task, protocol, pictures, restorer, store, console):
    """Measures one set by one protocol; None without levels or pictures."""
    from keras_hyper.evaluation.report import Measurement, measure_folder

    levels = _levels(args, task, protocol, pictures)
    folder = args.data / pictures
    if not levels or not folder.is_dir():
        return None
    console.print(f"{restorer.name}: {task}, {pictures}, {protocol} protocol", highlight=False)
    measurement = Measurement(
        TASKS[task], get_protocol(TASKS[task], protocol), levels, precision=args.precision
    )
    # The key of a stored figure has everything that the figure depends on.
    return measure_folder(measurement, folder, restorer, store=store, reuse=True, console=console)


def _levels(args, task, protocol, pictures):
    from benchmarks.paper.published import PAPER, marks_for

    if protocol == "literature":
        marks = marks_for(task, protocol, pictures)
        return sorted({level for mark in marks for level in mark.psnr})
    if task not in PAPER:
        return TASKS[task].all_levels
    if protocol != "paper" or PAPER[task].pictures != pictures:
        return []
    more = TASKS[task].all_levels if args.levels == "all" else ()
    return sorted({*PAPER[task].levels, *more})


def swept(restorer, task, paths, console=None):
    """Restores the middle of noisy photographs at many levels."""
    from benchmarks.paper.level_sweep import level_sweep, monotonicity
    from pipelines.images import middle, read_picture

    levels = [level for level in task.all_levels
              if restorer.level_range[0] <= level <= restorer.level_range[1]]  # fmt: skip
    if len(levels) < 2:
        return {}
    found = {}
    for path in paths:
        if console:
            console.print(f"{restorer.name}: {path.name} at {len(levels)} levels", highlight=False)
        picture = middle(read_picture(path, restorer.channels), 256)
        ordered = sorted(levels, reverse=not task.rising)
        rows = level_sweep(restorer.restore_image, picture, ordered)
        found[path.name] = rows, monotonicity(rows)
    return found


def _add_commands(page, networks, args):
    from benchmarks.paper.page import Heading, Paragraph

    words = ["python", "-m", "benchmarks.paper", "report", *args.models]
    words += ["--data", str(args.data), "--out", str(args.out), "--name", args.name]
    if args.levels != "all":
        words += ["--levels", args.levels]
    if args.calibration:
        words += ["--calibration", *map(str, args.calibration)]
    if args.methods:
        words += ["--methods", str(args.methods)]
    if args.noisy != SAMPLE_PICTURES:
        words += ["--noisy", str(args.noisy)]
    page.add(Heading("Commands"), Paragraph(shlex.join(words), code=True))
    page.add(Paragraph("One table at a time, with the figures of every picture:"))
    commands = [
        shlex.join(["keras-hyper", "evaluate", "--task", one.task, "--model", one.name, "--data",
                    str(args.data / pictures), "--protocol", protocol, "--levels",
                    *(f"{row['level']:g}" for row in report["rows"])])
        for one in networks
        for (protocol, pictures), report in one.reports.items()
    ]  # fmt: skip
    page.add(Paragraph("\n".join(commands), code=True))
