"""Whole pictures degraded as the paper's tables were measured."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.decode import read_picture
from pipelines.tasks import Task


def benchmark_pairs(
    paths: Sequence[Path], task: Task, level: float, channels: int = 3, seed: int = 0
) -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
    """Degrades pictures by the protocol of the paper's tables.

    Args:
        paths: The files.
        task: What degrades them.
        level: In the task's unit.
        channels: 1 for gray, 3 for RGB.
        seed: Of the noise, which is fixed for a picture's place in `paths` and its level.

    Yields:
        The path, and the degraded and the clean picture, float32 ``(height, width, channels)``,
        multiples of 1/255, sides even.

    Raises:
        ValueError: If a file is damaged or no picture.
    """
    for number, path in enumerate(paths):
        clean = np.rint(read_picture(path, channels) * 255) / np.float32(255)
        if task.degrade_whole is None:
            clean = _even(clean)
            noise_seed = (seed * 100_003 + number, round(level * 1000))
            noisy = task.degrade(clean[None], tf.constant(level, tf.float32), noise_seed)
            yield path, noisy[0].numpy(), clean
        else:
            # Whole, then cropped: where super-resolution drifts, the size counts.
            degraded = np.asarray(task.degrade_whole(clean, level))
            yield path, _even(degraded), _even(clean)


def _even(picture):
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    return picture[:height, :width]
