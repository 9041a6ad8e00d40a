"""Estimates the level of pictures: noise sigma, and the quality of what was a JPEG."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.restoration.level import estimator_for
from pipelines import TASKS
from pipelines.images import MAX_PIXELS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper estimate``."""
    add = parser.add_argument
    add("sources", metavar="IN", nargs="+", type=Path, help="pictures, or folders of pictures")
    noise, quality = TASKS["denoise"].estimator, TASKS["dejpeg"].estimator
    add("--model", default=noise, help="estimates noise: a model.keras, a run's folder, or a name")
    add("--quality-model", default=quality, help="estimates JPEG quality, likewise")
    add("--json", type=Path, metavar="F", help="also write the rows to this file; - prints them")
    add("--max-pixels", type=int, default=MAX_PIXELS, help="pictures with more are refused")


def job(args: argparse.Namespace) -> int:
    """Estimates; returns 1 if a picture was skipped because of an error."""
    paths = checked(lambda: _paths(args.sources))
    model = estimator_for("denoise", args.model)
    of_quality = estimator_for("dejpeg", args.quality_model)
    rows, skipped = [], []
    for path in paths:
        try:
            rows.append(_row(path, model, of_quality, args.max_pixels))
        except (ValueError, OSError, MemoryError) as error:
            if len(paths) == 1:
                raise
            skipped.append(" ".join(str(error).split()) or type(error).__name__)
    report = {"model": args.model, "quality_model": args.quality_model, "unit": model.unit}
    text = json.dumps({**report, "rows": rows}, indent=1)
    if args.json == Path("-"):
        print(text)
    else:
        _show(rows, model)
        if args.json:
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_text(text)
    for line in skipped:
        print(f"skipped: {line}")
    return 1 if skipped else 0


def _paths(sources):
    from pipelines.images import find_pictures

    paths = []
    for source in sources:
        if source.is_dir():
            paths += find_pictures(source)
        elif source.is_file():
            paths.append(source)
        else:
            raise WrongArgumentError(
                f"expected a picture or a folder of pictures; no such file: {source}"
            )
    return paths


def _row(path, model, of_quality, max_pixels):
    from keras_hyper.restoration.estimate import estimate
    from keras_hyper.restoration.level import quality_of_jpeg
    from pipelines.images import read_picture_file

    pixels = read_picture_file(path, max_pixels).pixels
    level, quality = estimate(pixels, model), quality_of_jpeg(path, pixels, of_quality)
    return {"picture": str(path), "sigma": level, "jpeg": asdict(quality) if quality else None}


def _show(rows, model):
    from rich.console import Console
    from rich.table import Table

    from pipelines.jpeg_analysis import JpegQuality

    table = Table(
        caption=f"sigma estimated by the network: {model.unit}; quality read from the file unless "
        "its source is given"
    )
    table.add_column("picture", overflow="fold")
    for heading in ("sigma", "JPEG quality"):
        table.add_column(heading, justify="right")
    for row in rows:
        quality = str(JpegQuality(**row["jpeg"])) if row["jpeg"] else "no JPEG"
        table.add_row(row["picture"], f"{row['sigma']:.1f}", quality)
    Console().print(table)
