"""Estimates the level of pictures: the sigma of their noise and their JPEG quality, or a task's."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np

from keras_hyper.errors import WrongArgumentError, checked, error_text
from keras_hyper.restoration.engines import add_engine
from keras_hyper.restoration.folder import PICTURE_ERRORS
from keras_hyper.restoration.level import (
    UsedLevel,
    estimator_for,
    estimators_for,
    find_levels,
    quality_of_jpeg,
)
from pipelines import TASKS
from pipelines.images import MAX_PIXELS, find_pictures, read_picture_file
from pipelines.levels import level_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper estimate``."""
    add = parser.add_argument
    add("sources", metavar="IN", nargs="+", type=Path, help="pictures, or folders of pictures")
    known = [
        name
        for name, task in TASKS.items()
        if task.parts and all(part.estimator for part in task.parts)
    ]
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
    paths = checked(lambda: _paths(args.sources))
    report, row_of, show = (_of_task if args.task else _noise_and_quality)(args)
    rows, skipped = [], []
    for path in paths:
        try:
            pixels = read_picture_file(path, args.max_pixels).pixels
            rows.append({"picture": str(path), **row_of(path, pixels)})
        except PICTURE_ERRORS as error:
            if len(paths) == 1:
                raise
            skipped.append(error_text(error, path))
    text = json.dumps({**report, "rows": rows}, indent=1)
    if args.json == Path("-"):
        print(text)
    else:
        show(rows)
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


def _noise_and_quality(args):
    """The facts of a report, a function that makes rows, and one that prints them."""
    from keras_hyper.restoration.picture import estimate
    from pipelines.jpeg_analysis import JpegQuality

    noise, quality = TASKS["denoise"], TASKS["dejpeg"]
    names = {"model": args.model or noise.estimator,
             "quality_model": args.quality_model or quality.estimator}  # fmt: skip
    noise_model = estimator_for(noise.name, args.model, args.engine)
    quality_model = estimator_for(quality.name, args.quality_model, args.engine)

    def row_of(path, pixels):
        found = quality_of_jpeg(path, pixels, quality_model)
        return {"sigma": estimate(pixels, noise_model), "jpeg": found and asdict(found)}

    def show(rows):
        jpeg = [str(JpegQuality(**row["jpeg"])) if row["jpeg"] else "no JPEG" for row in rows]
        cells = [(f"{row['sigma']:.1f}", text) for row, text in zip(rows, jpeg, strict=True)]
        caption = (f"sigma estimated by the network: {noise_model.unit}; quality read from the "
                   "file unless its source is given")  # fmt: skip
        _show(rows, {"sigma": "right", "JPEG quality": "right"}, cells, caption)

    return {**names, "unit": noise_model.unit}, row_of, show


def _of_task(args):
    """As `_noise_and_quality`, of the level of a task."""
    task = TASKS[args.task]
    names = [name for name in (args.model, args.quality_model) if name]
    estimators = estimators_for(task, names, args.engine)

    def row_of(path, pixels):
        # With an estimator for every level none is missing.
        found = cast(UsedLevel, find_levels(task, path, pixels, estimators))
        return {"level": found.level, "source": found.source, "needed": found.needed}

    def show(rows):
        axes = [axis.name for axis in task.axes]
        levels = [level_text(np.round(row["level"], 1), axes) for row in rows]
        sources = [", ".join(np.ravel(row["source"])) for row in rows]
        headings = {"level": "right", "source": "left"}
        _show(rows, headings, zip(levels, sources, strict=True), task.unit)

    return {"task": task.name, "unit": task.unit}, row_of, show


def _show(rows, headings, cells, caption):
    """Prints a table.

    Args:
        rows: With ``"picture"``.
        headings: Of the other columns, with their alignment.
        cells: Texts of the other columns, by row.
        caption: Below the table.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(caption=caption)
    table.add_column("picture", overflow="fold")
    for heading, justify in headings.items():
        table.add_column(heading, justify=justify)
    for row, texts in zip(rows, cells, strict=True):
        table.add_row(row["picture"], *texts)
    Console().print(table)
