"""Measures the loss of recompressed JPEGs: `python -m benchmarks.paper.jpeg_grid FOLDER ...`.

Most training photographs are JPEGs. Compressed again on the grid of their own blocks they hardly
change, so a network learns nothing about that quality.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.side_by_side import show
from keras_hyper.metrics import psnr
from pipelines import TASKS
from pipelines.images import find_pictures, read_picture

QUALITIES = (30, 60, 80, 85, 90, 95)


def run(folders: list[Path]) -> None:
    """Prints the PSNR of compressed pictures, on their own block grid and off it."""
    task = TASKS["dejpeg"]
    rows = []
    for folder in folders:
        pictures = [read_picture(path) for path in find_pictures(folder)]
        for skip in (0, task.skip):
            name = f"{folder.name}, {skip} rows and columns skipped"
            rows.append((name, *(_mean(pictures, skip, quality) for quality in QUALITIES)))
    show("PSNR in dB of compressed pictures", ["quality", *map(str, QUALITIES)], rows)


def _mean(pictures, skip, quality):
    degrade = TASKS["dejpeg"].degrade_for_benchmark
    parts = [picture[skip:, skip:] for picture in pictures]
    return float(np.mean([psnr(part, np.asarray(degrade(part, quality))) for part in parts]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.paper.jpeg_grid", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    run(parser.parse_args().folders)
