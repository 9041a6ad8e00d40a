"""The quality of a JPEG file, read from its own quantisation tables."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from pipelines.degradations.jpeg import CHROMA_TABLE, LUMA_TABLE, quantisation_table


@dataclass(frozen=True)
class JpegQuality:
    """What a file's tables say, or else the picture.

    Args:
        quality: 1 to 100, libjpeg's scale.
        exact: Whether the tables are libjpeg's own of this quality; else it is the nearest.
        source: What told it: the file's ``"tables"``, or of a picture that is stored as something
            else now the ``"pixels"``, by the likelihood of libjpeg's tables, or a ``"network"``.
    """

    quality: int
    exact: bool
    source: str = "tables"

    def __str__(self):
        if self.source == "pixels":
            return f"{self.quality}, by its pixels"
        if self.source == "network":
            return f"about {self.quality}, by the network"
        return f"{self.quality}" if self.exact else f"about {self.quality}, foreign tables"


def is_jpeg(path: Path) -> bool:
    """Returns whether a file begins as a JPEG does, whatever it is called.

    Raises:
        OSError: If it cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(3) == b"\xff\xd8\xff"


def jpeg_quality(path: Path) -> JpegQuality:
    """Reads the quality that a JPEG file was last written with.

    Exact for the tables of libjpeg and of all that use it. Cameras and some programs have tables of
    their own: then it is the quality whose luma table is nearest on a scale of ratios.

    Args:
        path: A JPEG file; of the several pictures of a telephone's file the first counts.

    Raises:
        ValueError: If it is no JPEG; see `pipelines.jpeg_traces` for one that was stored again
            otherwise.
        OSError: If it cannot be read.
    """
    try:
        with Image.open(path) as picture:
            kind, tables = picture.format, getattr(picture, "quantization", None)
            places = [layer[3] for layer in getattr(picture, "layer", [])]
    except (SyntaxError, Image.DecompressionBombError, Image.UnidentifiedImageError) as error:
        raise ValueError(f"{path}: no picture, or a damaged one ({error})") from error
    if not tables or not places:
        raise ValueError(
            f"{path}: a JPEG file was wanted, whose tables tell its quality; this is a {kind}"
        )
    return _nearest([np.asarray(tables[place]) for place in places])


def _nearest(tables):
    """The quality of the tables of a file's channels, luma first."""
    luma, chroma = libjpeg_tables()
    same = (luma == tables[0]).all(axis=1)
    # Of two chroma channels each has its table; CMYK has luma's in all four.
    for table in tables[1:]:
        same &= (chroma == table).all(axis=1) | (luma == table).all(axis=1)
    if same.any():
        return JpegQuality(int(np.flatnonzero(same)[0]) + 1, True)
    distance = np.abs(np.log(luma) - np.log(np.maximum(tables[0], 1))).mean(axis=1)
    return JpegQuality(int(np.argmin(distance)) + 1, False)


@cache
def libjpeg_tables():
    """Luma's and chroma's tables of qualities 1 to 100, each ``(100, 64)``."""
    qualities = tf.range(1.0, 101.0)[:, None, None]
    return [
        quantisation_table(table, qualities).numpy().reshape(100, 64)
        for table in (LUMA_TABLE, CHROMA_TABLE)
    ]
