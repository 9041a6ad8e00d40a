"""How well the quality of a JPEG that is stored as something else is told from its pixels."""

import os
from pathlib import Path

import numpy as np

from benchmarks.side_by_side import show
from pipelines import SAMPLE_PICTURES
from pipelines.decode import find_pictures, read_picture
from pipelines.jpeg import compress_jpeg_libjpeg
from pipelines.jpeg_traces import quality_of_pixels

QUALITIES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98)
CROP = 128


def run(data: Path | None = None) -> None:
    """Prints the tables.

    Args:
        data: Folder of pictures that were never compressed; by default that of the variable
            ``LIVE1``, and without it the pictures that ship (of which some are JPEGs).
    """
    data = data or Path(os.environ.get("LIVE1") or SAMPLE_PICTURES)
    for name, channels in (("gray", 1), ("colour, 4:2:0", 3)):
        pictures = [read_picture(path, channels) for path in find_pictures(data)]
        draw = np.random.default_rng(0)
        rows = [("none", *_shares([None] * len(pictures), pictures, pictures))]
        for quality in QUALITIES:
            coded = [compress_jpeg_libjpeg(picture, quality).numpy() for picture in pictures]
            crops = [_crop(picture, draw) for picture in coded]
            rows.append((f"{quality}", *_shares([quality] * len(pictures), coded, crops)))
        show(
            f"The quality of {len(pictures)} pictures of {data.name} by their pixels, {name}",
            ("quality", "whole: right", "silent", "wrong", f"crop of {CROP}: right", "silent",
             "wrong"),
            rows,
        )  # fmt: skip


def _shares(truth, *sets):
    for pictures in sets:
        told = [quality_of_pixels(picture) for picture in pictures]
        right = sum(a == b for a, b in zip(told, truth, strict=True))
        silent = sum(a is None and b is not None for a, b in zip(told, truth, strict=True))
        yield from (right, silent, len(told) - right - silent)


def _crop(picture, draw):
    top, left = (int(draw.integers(0, max(side - CROP, 0) + 1)) for side in picture.shape[:2])
    return picture[top : top + CROP, left : left + CROP]
