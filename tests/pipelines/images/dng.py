"""Writes the smallest DNG that LibRaw develops."""

from pathlib import Path

import numpy as np
import tifffile


def write_dng(path: Path, mosaic: np.ndarray, orientation: int = 1) -> None:
    matrix = [int(number * 10000) for number in (1, 0, 0, 0, 1, 0, 0, 0, 1)]
    pairs = [part for number in matrix for part in (number, 10000)]
    tifffile.imwrite(
        path, mosaic, photometric="cfa", metadata=None, software="camera 1",
        extratags=[
            (33421, 3, 2, (2, 2), True), (33422, 1, 4, (0, 1, 1, 2), True),
            (50706, 1, 4, (1, 4, 0, 0), True), (50708, 2, 0, "a camera", True),
            (50721, 10, 9, pairs, True), (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
            (50717, 4, 1, 65535, True), (274, 3, 1, orientation, True),
            (271, 2, 0, "a maker", True),
        ],
    )  # fmt: skip
