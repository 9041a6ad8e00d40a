"""JPEG quality: from the tables of a file, or from the pixels of a decoded picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.color import LUMA
from pipelines.jpeg_tables import libjpeg_tables

# Blocks that are analysed: more cost time without a gain.
_MOST_BLOCKS = 4096
_BLOCKS_A_PHASE = 512
# Standard deviation of a coefficient around a multiple, from rounding to bytes: half a gray level
# for gray, and a little more for the luma of three rounded channels.
_SPREAD = 0.4
# Share of outliers: clipped blocks, tails.
_STRAY = 0.02
# A smaller coefficient may be a rounded zero, which fits every table.
_LEAST = 1.5
# Minimum gain of log-likelihood per coefficient for a table to be accepted.
_LEAST_GAIN = 0.1
# Fewer coefficients give no estimate.
_FEWEST_COEFFICIENTS = 32


@dataclass(frozen=True)
class JpegQuality:
    """A JPEG quality and its source.

    Args:
        quality: 1 to 100, libjpeg's scale.
        exact: Whether the tables are libjpeg's of this quality; otherwise it is the nearest.
        source: ``"tables"`` of the file, ``"pixels"`` (the likeliest of libjpeg's tables), or a
            ``"network"``.
    """

    quality: int
    exact: bool
    source: str = "tables"

    def __str__(self) -> str:
        if self.source == "pixels":
            return f"{self.quality}, by its pixels"
        if self.source == "network":
            return f"about {self.quality}, by the network"
        return f"{self.quality}" if self.exact else f"about {self.quality}, foreign tables"


def is_jpeg(path: Path) -> bool:
    """Returns whether a file has the first bytes of a JPEG, whatever its name.

    Raises:
        OSError: If it cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(3) == b"\xff\xd8\xff"


def jpeg_quality(path: Path) -> JpegQuality:
    """Reads the quality of a JPEG file from its quantisation tables.

    Exact for the tables of libjpeg. For other tables, as of cameras, it is the quality with the
    nearest luma table by the ratios of its steps.

    Args:
        path: A JPEG file; of several pictures in it, the first is read.

    Raises:
        ValueError: If it is damaged or no JPEG.
        OSError: If it cannot be read.
    """
    try:
        with Image.open(path) as picture:
            kind, tables = picture.format, getattr(picture, "quantization", None)
            places = [layer[3] for layer in getattr(picture, "layer", [])]
    except (SyntaxError, Image.DecompressionBombError, Image.UnidentifiedImageError) as error:
        raise ValueError(f"{path}: no picture, or a damaged one ({error})") from error
    if not tables or not places:
        raise ValueError(f"{path}: expected a JPEG file, got a {kind}")
    first, *others = (np.asarray(tables[place]) for place in places)
    luma, chroma = libjpeg_tables()
    same = (luma == first).all(axis=1)
    # Each channel has a table; in CMYK all four have that of luma.
    for table in others:
        same &= (chroma == table).all(axis=1) | (luma == table).all(axis=1)
    if same.any():
        return JpegQuality(int(np.flatnonzero(same)[0]) + 1, True)
    distance = np.abs(np.log(luma) - np.log(np.maximum(first, 1))).mean(axis=1)
    return JpegQuality(int(np.argmin(distance)) + 1, False)


def quality_of_pixels(picture: np.ndarray) -> int | None:
    """Estimates the quality of a previously compressed picture from its pixels.

    The coefficients of a decoded JPEG are multiples of the steps of its table. Of libjpeg's tables
    this returns the one that makes the coefficients of the luma most likely. The grid of blocks is
    searched, so crops work. Resizing, rotation and other programs' tables prevent an estimate.

    Args:
        picture: float ``(height, width, 1 or 3)`` in [0, 1], sides of 16 pixels and up.

    Returns:
        1 to 99 on libjpeg's scale, or None without traces of JPEG: the picture was never
        compressed, compressed lightly (a table of ones), or changed since.

    Raises:
        ValueError: If the picture is smaller.

    Reference:
        Fan and de Queiroz, IEEE TIP 12 (2003), for the likelihood of a table.
    """
    height, width = picture.shape[:2]
    if min(height, width) < 16:
        raise ValueError(f"expected a picture of at least 16x16 pixels, got {width}x{height}")
    samples = np.asarray(picture * 255.0, np.float32)
    luma = samples @ LUMA if samples.shape[-1] == 3 else samples[..., 0]
    # Blocks with clipped samples are not multiples.
    clipped = ((samples < 0.5) | (samples > 254.5)).any(axis=-1)

    def zeros(place):
        top, left = place
        found = _coefficients(luma[top:, left:], clipped[top:, left:], _BLOCKS_A_PHASE)
        return np.mean(np.abs(found[1:]) < _SPREAD) if found.size else 0.0

    # The grid of blocks begins where most coefficients are zero.
    top, left = max(np.ndindex(8, 8), key=zeros)
    best, gain = _likeliest(_coefficients(luma[top:, left:], clipped[top:, left:], _MOST_BLOCKS))
    return best if gain > _LEAST_GAIN else None


def _coefficients(luma, clipped, most):
    """Returns the DCT of the blocks without clipped samples, ``(64, blocks)``."""
    blocks, clipped = _blocks(luma), _blocks(clipped)
    blocks = blocks[~clipped.any(axis=(1, 2))]
    blocks = blocks[:: max(-(-len(blocks) // most), 1)]
    rows, columns = np.mgrid[:8, :8]
    matrix = np.cos(np.pi * (2 * columns + 1) * rows / 16) / 2
    matrix[0] /= np.sqrt(2)
    matrix = matrix.astype(np.float32)
    return (matrix @ (blocks - 128.0) @ matrix.T).reshape(-1, 64).T


def _blocks(plane):
    rows, columns = plane.shape[0] // 8, plane.shape[1] // 8
    blocks = plane[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8)
    return blocks.transpose(0, 2, 1, 3).reshape(-1, 8, 8)


def _likeliest(coefficients):
    """Returns the likeliest quality, and its gain per coefficient over no table."""

    def gain(values, step):
        """Returns the log-likelihood of multiples of a step, minus that of a smooth density."""
        # Values are not rounded zeros, so each is at least one step.
        distance = values - step * np.maximum(np.rint(values / step), 1.0)
        bell = np.exp(-0.5 * (distance / _SPREAD) ** 2) / (_SPREAD * np.sqrt(2 * np.pi))
        return float(np.log((1 - _STRAY) * step * bell + _STRAY).sum())

    tables, gains, count = libjpeg_tables()[0], np.zeros(100), 0
    for place in range(1, 64):
        values = np.abs(coefficients[place])
        values = values[values > _LEAST]
        count += len(values)
        steps, index = np.unique(tables[:, place], return_inverse=True)
        gains += np.array([gain(values, step) for step in steps])[index]
    if count < _FEWEST_COEFFICIENTS:
        return 100, 0.0
    best = int(np.argmax(gains))
    return best + 1, gains[best] / count
