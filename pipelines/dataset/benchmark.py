"""Whole pictures degraded by a protocol."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipelines.color import LIMITED_BLACK, LIMITED_LUMA
from pipelines.images import read_picture
from pipelines.levels import level_number
from pipelines.protocols import Protocol
from pipelines.tasks import Task, get_protocol


def benchmark_pairs(
    paths: Sequence[Path], task: Task, level: float, channels: int = 3, seed: int = 0
) -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
    """Degrades pictures by the protocol of the paper's tables.

    Args:
        paths: The files.
        task: The task.
        level: In the task's unit.
        channels: 1 for gray, 3 for RGB.
        seed: See `degraded_pair`.

    Yields:
        The path, and the degraded and the clean picture, float32 ``(height, width, channels)``,
        multiples of 1/255, sides even.

    Raises:
        ValueError: If a file is damaged or no picture.
    """
    for path in paths:
        yield path, *degraded_pair(path, get_protocol(task), level, channels, seed)


def degraded_pair(
    path: Path, protocol: Protocol, level: float, channels: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Reads a picture and degrades it.

    Args:
        path: The file.
        protocol: How it is degraded.
        level: In the task's unit.
        channels: 1 for gray, 3 for RGB.
        seed: Of the noise, which depends on this, the pixels and the level, not on the file's name.

    Returns:
        The degraded and the clean picture, float32 ``(height, width, channels)``; clean ones are
        multiples of 1/255.

    Raises:
        ValueError: If the file is damaged or no picture, or too small to be cut.
        OSError: If it cannot be read.
    """
    clean = _clean(path, protocol, channels)
    multiple = protocol.multiple(level)
    if min(clean.shape[:2]) < multiple:
        height, width = clean.shape[:2]
        raise ValueError(
            f"{path}: expected sides of {multiple} pixels and more, got {width}x{height}"
        )
    clean = _cut(clean, multiple)
    degraded = protocol.degrade(clean, level, noise_seed(clean, level, seed))
    if protocol.even_last:
        degraded, clean = _cut(degraded, 2), _cut(clean, 2)
    return degraded, clean


def noise_seed(clean: np.ndarray, level: float, seed: int) -> tuple[int, int]:
    """Returns the two integers that fix the noise of a picture at a level."""
    content = zlib.crc32(np.rint(clean * 255).astype(np.uint8).tobytes())
    return seed * 2**32 + content, level_number(level)


def _clean(path, protocol, channels):
    if channels == 1 and protocol.gray == "limited":
        colour = np.rint(read_picture(path, 3) * 255)
        # The gray files of this protocol hold limited-range luma already.
        if np.ptp(colour, axis=-1).any():
            return np.rint(LIMITED_BLACK + colour @ LIMITED_LUMA[:, None] / 255.0) / np.float32(255)
        return colour[..., :1] / np.float32(255)
    picture = read_picture(path, channels)
    picture *= 255
    np.rint(picture, out=picture)
    picture /= 255
    return picture


def _cut(picture, multiple):
    height, width = (side // multiple * multiple for side in picture.shape[:2])
    return picture[:height, :width]
