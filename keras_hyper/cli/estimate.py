"""Estimates the level of pictures: the sigma of their noise, and their JPEG quality."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from keras_hyper.errors import WrongArgumentError, checked, error_text
from keras_hyper.restoration.engines import add_engine
from keras_hyper.restoration.folder import PICTURE_ERRORS
from keras_hyper.restoration.level import estimator_for, quality_of_jpeg
from pipelines import TASKS
from pipelines.images import MAX_PIXELS, find_pictures, read_picture_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper estimate``."""
    add = parser.add_argument
    add("sources", metavar="IN", nargs="+", type=Path, help="pictures, or folders of pictures")
    noise, quality = TASKS["denoise"].estimator, TASKS["dejpeg"].estimator
    add("--model", default=noise, help="estimates noise: a model.keras, a run's folder, a preset")
    add("--quality-model", default=quality, help="estimates JPEG quality, likewise")
    add_engine(parser)
    add("--json", type=Path, metavar="F", help="also write the rows to this file; - prints them")
    add("--max-pixels", type=int, default=MAX_PIXELS, help="larger pictures are refused")


def job(args: argparse.Namespace) -> int:
    """Estimates; returns 1 if a picture was skipped because of an error."""
    from keras_hyper.restoration.picture import estimate

    paths = checked(lambda: _paths(args.sources))
    noise_model = estimator_for("denoise", args.model, args.engine)
    quality_model = estimator_for("dejpeg", args.quality_model, args.engine)
    rows, skipped = [], []
    for path in paths:
        try:
            pixels = read_picture_file(path, args.max_pixels).pixels
            sigma = estimate(pixels, noise_model)
            quality = quality_of_jpeg(path, pixels, quality_model)
        except PICTURE_ERRORS as error:
            if len(paths) == 1:
                raise
            skipped.append(error_text(error, path))
            continue
        jpeg = asdict(quality) if quality else None
        rows.append({"picture": str(path), "sigma": sigma, "jpeg": jpeg})
    report = {"model": args.model, "quality_model": args.quality_model, "unit": noise_model.unit}
    text = json.dumps({**report, "rows": rows}, indent=1)
    if args.json == Path("-"):
        print(text)
    else:
        _show(rows, noise_model.unit)
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


def _show(rows, unit):
    from rich.console import Console
    from rich.table import Table

    from pipelines.jpeg_analysis import JpegQuality

    table = Table(
        caption=f"sigma estimated by the network: {unit}; quality read from the file unless "
        "its source is given"
    )
    table.add_column("picture", overflow="fold")
    for heading in ("sigma", "JPEG quality"):
        table.add_column(heading, justify="right")
    for row in rows:
        quality = str(JpegQuality(**row["jpeg"])) if row["jpeg"] else "no JPEG"
        table.add_row(row["picture"], f"{row['sigma']:.1f}", quality)
    Console().print(table)
