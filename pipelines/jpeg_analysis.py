"""The quality of a JPEG: from the tables of the file, or from the pixels of a former JPEG."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from pipelines.color import LUMA
from pipelines.degradations.jpeg import CHROMA_TABLE, LUMA_TABLE, quantisation_table

# Blocks that are looked at: more tell nothing new and cost time.
_MOST_BLOCKS = 4096
_BLOCKS_A_PHASE = 512
# What rounding to bytes leaves around a multiple, in units of a coefficient: half a grey level's
# standard deviation for gray, and what mixing three rounded channels into luma adds.
_SPREAD = 0.4
# Share of coefficients that lie anywhere: clipped blocks, tails.
_STRAY = 0.02
# A coefficient below this may be a rounded zero, which fits every table.
_LEAST = 1.5
# What an average coefficient must gain in log-likelihood before a table is believed.
_BELIEVED = 0.1
_FEWEST = 32


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
        ValueError: If it is no JPEG; see `pipelines.jpeg_analysis` for one that was stored again
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


def quality_of_pixels(picture: np.ndarray) -> int | None:
    """Tells the quality that a picture was compressed with, from what quantisation left in it.

    The coefficients of a JPEG are multiples of its table's steps, and still are when the decoded
    picture was stored without loss. Of libjpeg's hundred tables the one is taken that makes the
    coefficients of the luma most likely; where the blocks begin is found, so that a crop is told
    too. A picture that was resized, turned by an angle, or written by a program with tables of its
    own has no such multiples any more.

    Args:
        picture: float ``(height, width, 1 or 3)`` in [0, 1], sides of 16 pixels and up.

    Returns:
        1 to 99 on libjpeg's scale, or None where nothing tells of JPEG: such a picture was never
        compressed, only lightly (a table of ones leaves nothing), or was changed since.

    Raises:
        ValueError: If the picture is smaller.

    Reference:
        Fan and de Queiroz, IEEE TIP 12 (2003), for the likelihood of a table.
    """
    height, width = picture.shape[:2]
    if min(height, width) < 16:
        raise ValueError(
            f"A quality can be told of pictures of 16x16 pixels and up. Received: {width}x{height}"
        )
    samples = np.asarray(picture * 255.0, np.float32)
    luma = samples @ LUMA if samples.shape[-1] == 3 else samples[..., 0]
    # Samples that were clipped are not what the coefficients say.
    clipped = ((samples < 0.5) | (samples > 254.5)).any(axis=-1)
    top, left = _phase(luma, clipped)
    best, gain = _likeliest(_coefficients(luma[top:, left:], clipped[top:, left:], _MOST_BLOCKS))
    return best if gain > _BELIEVED else None


def _phase(luma, clipped):
    """Where the blocks begin: where the most coefficients are zeros."""

    def zeros(place):
        top, left = place
        found = _coefficients(luma[top:, left:], clipped[top:, left:], _BLOCKS_A_PHASE)
        return np.mean(np.abs(found[1:]) < _SPREAD) if found.size else 0.0

    return max(np.ndindex(8, 8), key=zeros)


def _coefficients(luma, clipped, most):
    """The transform of whole blocks without clipped samples, ``(64, blocks)``."""
    blocks, clipped = _blocks(luma), _blocks(clipped)
    blocks = blocks[~clipped.any(axis=(1, 2))]
    blocks = blocks[:: max(-(-len(blocks) // most), 1)]
    matrix = _cosines()
    return (matrix @ (blocks - 128.0) @ matrix.T).reshape(-1, 64).T


def _blocks(plane):
    rows, columns = plane.shape[0] // 8, plane.shape[1] // 8
    blocks = plane[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8)
    return blocks.transpose(0, 2, 1, 3).reshape(-1, 8, 8)


def _likeliest(coefficients):
    """The likeliest quality, and what an average coefficient gains by it over no table at all."""
    tables, gains, count = libjpeg_tables()[0], np.zeros(100), 0
    for place in range(1, 64):
        values = np.abs(coefficients[place])
        values = values[values > _LEAST]
        count += len(values)
        steps, index = np.unique(tables[:, place], return_inverse=True)
        gains += np.array([_gain(values, step) for step in steps])[index]
    if count < _FEWEST:
        return 100, 0.0
    best = int(np.argmax(gains))
    return best + 1, gains[best] / count


def _gain(values, step):
    """The log-likelihood of values by multiples of a step, less that by a smooth density."""
    # A value that is no rounded zero is a multiple of at least one step.
    distance = values - step * np.maximum(np.rint(values / step), 1.0)
    bell = np.exp(-0.5 * (distance / _SPREAD) ** 2) / (_SPREAD * np.sqrt(2 * np.pi))
    return float(np.log((1 - _STRAY) * step * bell + _STRAY).sum())


@cache
def _cosines():
    """The orthonormal transform of 8 samples."""
    rows, columns = np.mgrid[:8, :8]
    matrix = np.cos(np.pi * (2 * columns + 1) * rows / 16) / 2
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)
