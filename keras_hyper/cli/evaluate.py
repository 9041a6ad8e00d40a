"""Measures PSNR and SSIM per level as the paper's tables were measured."""

import json
from pathlib import Path

from keras_hyper.cli.load import load_hyper_res
from keras_hyper.cli.one_line import WrongArgumentError, checked
from pipelines import TASKS


def add_arguments(parser):
    """Adds the arguments of ``keras-hyper evaluate``."""
    add = parser.add_argument
    add("--task", required=True, choices=list(TASKS), help="what to undo")
    add("--data", required=True, type=Path, help="folder of clean pictures")
    add("--levels", nargs="+", help="levels to measure; by default those trained on")
    add("--model", help="a model.keras or a run's folder; by default the one that ships")
    add("--precision", choices=["float32", "bfloat16"], default="float32", help="of layers")
    add("--seed", type=int, default=0, help="of the noise")
    add("--json", type=Path, metavar="F", help="also write the rows to this file")


def job(args) -> None:
    """Measures and prints a table."""
    from rich.console import Console
    from rich.progress import Progress

    import pipelines
    from keras_hyper.evaluation import evaluate_level
    from keras_hyper.restoration import restore
    from pipelines.benchmark import benchmark_pairs
    from pipelines.decode import find_pictures

    task = TASKS[args.task]
    model = load_hyper_res(args.model or args.task).with_precision(args.precision)
    if model.task != args.task:
        raise WrongArgumentError(
            f"a model for {args.task} was wanted; this one is for {model.task}"
        )
    words = args.levels or [f"{level:g}" for level in model.levels or model.level_range]
    levels = checked(lambda: pipelines.parse_levels(words, task)).fixed
    paths = checked(lambda: find_pictures(args.data))
    rows = []
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        line = bar.add_task("pictures", total=len(levels) * len(paths))
        for level in levels:
            row = evaluate_level(
                lambda degraded, level: restore(degraded, level, model, tile=4096),
                benchmark_pairs(paths, task, level, model.channels, args.seed),
                level,
                on_luma=task.on_luma,
                on_picture=lambda: bar.advance(line),
            )
            rows.append({"set": args.data.name, **row})
    name = args.model or args.task
    report = {"task": task.name, "model": name, "protocol": task.protocol, "rows": rows}
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1))
    _show(report)


def _show(report):
    from rich.console import Console
    from rich.table import Table

    console = Console()
    title = f"{report['rows'][0]['set']}, {report['rows'][0]['pictures']} pictures"
    table = Table(title=title, caption=report["protocol"])
    for heading in ("level", "PSNR before", "after", "gain", "SSIM before", "after", "s/picture"):
        table.add_column(heading, justify="right")
    for row in report["rows"]:
        before, after = row["psnr_before"], row["psnr_after"]
        table.add_row(
            f"{row['level']:g}",
            f"{before:.2f}",
            f"{after:.2f}",
            f"{after - before:+.2f}",
            f"{row['ssim_before']:.3f}",
            f"{row['ssim_after']:.3f}",
            f"{row['seconds_per_picture']:.3f}",
        )
    console.print(table)
