"""Estimates the level of pictures: the sigma of their noise and their JPEG quality, or a task's."""

import argparse
import json
from pathlib import Path

from keras_hyper.errors import WrongArgumentError, checked, error_text
from keras_hyper.restoration.engines import add_engine
from keras_hyper.restoration.estimates import Estimates, LevelOfTask, NoiseAndQuality
from keras_hyper.restoration.folder import PICTURE_ERRORS
from pipelines import TASKS
from pipelines.images import (
    MAX_PIXELS,
    find_pictures,
    read_picture_file,
    use_own_pixel_limit,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper estimate``."""
    add = parser.add_argument
    add("sources", metavar="IN", nargs="+", type=Path, help="pictures, or folders of pictures")
    known = [name for name, task in TASKS.items() if task.parts]
    add("--task", choices=known, help="estimate the level of this task, of several axes each; by "
        "default noise and JPEG quality")  # fmt: skip
    add("--model", help="estimates noise, or the level of --task: a model.keras, a run's folder, a "
        "preset; by default the one that ships")  # fmt: skip
    add("--quality-model", help="estimates JPEG quality, likewise")
    add_engine(parser)
    add("--json", type=Path, metavar="F", help="also write the rows to this file; - prints them")
    add("--max-pixels", type=int, default=MAX_PIXELS, help="larger pictures are refused")


def job(args: argparse.Namespace) -> int:
    """Estimates; returns 1 if a picture was skipped because of an error."""
    use_own_pixel_limit(args.max_pixels)
    paths = checked(lambda: _paths(args.sources))
    names = [name for name in (args.model, args.quality_model) if name]
    estimates: Estimates
    if args.task:
        estimates = LevelOfTask(TASKS[args.task], names, args.engine)
    else:
        estimates = NoiseAndQuality(args.model, args.quality_model, args.engine)
    rows, skipped = [], []
    for path in paths:
        try:
            pixels = read_picture_file(path, args.max_pixels).pixels
            rows.append({"picture": str(path), **estimates.row(path, pixels)})
        except PICTURE_ERRORS as error:
            if len(paths) == 1:
                raise
            skipped.append(error_text(error, path))
    text = json.dumps({**estimates.facts, "rows": rows}, indent=1)
    if args.json == Path("-"):
        print(text)
    else:
        _show(rows, estimates)
        if args.json:
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_text(text)
    for line in skipped:
        print(f"skipped: {line}")
    return 1 if skipped else 0


def _paths(sources):
    paths: list[Path] = []
    for source in sources:
        if not source.exists():
            raise WrongArgumentError(f"expected pictures or folders; no such file: {source}")
        paths += find_pictures(source) if source.is_dir() else [source]
    return paths


def _show(rows, estimates):
    from rich.console import Console
    from rich.table import Table

    table = Table(caption=estimates.caption)
    table.add_column("picture", overflow="fold")
    for heading, justify in estimates.columns.items():
        table.add_column(heading, justify=justify)
    for row in rows:
        table.add_row(row["picture"], *estimates.texts(row))
    Console().print(table)
