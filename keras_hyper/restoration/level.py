"""The level of a restoration: the one that is given, or the one that each picture tells."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.models.load import load_level_estimator
from pipelines import TASKS

AUTO = "auto"
# The estimator that ships for each task whose level can be told.
ESTIMATORS = {"denoise": "estimate", "dejpeg": "estimate_quality"}
# What the network takes for as good as this or better counts as never compressed: it tells this of
# most such pictures, and restoring gains little there (docs/blind.md).
_FINEST = 80.0


@dataclass(frozen=True)
class UsedLevel:
    """The level that a picture is restored at.

    Args:
        level: In the task's unit.
        by: What told it, in words; empty where it was given.
    """

    level: float
    by: str = ""

    def __str__(self):
        return f"level {self.level:.3g} (told by {self.by})"


def level_or_auto(word: str) -> float | str:
    """Reads ``--level``: a number, or ``auto``."""
    if word == AUTO:
        return AUTO
    try:
        return float(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"wanted a number or {AUTO}, got {word!r}") from None


def estimator_for(task: str, name: str | None = None):
    """Loads the estimator of a task's level, by default the one that ships.

    Raises:
        WrongArgumentError: If there is none of that name, or it is for another task.
    """
    estimator = load_level_estimator(name or ESTIMATORS[task])
    if estimator.task != task:
        raise WrongArgumentError(
            f"an estimator for {task} was wanted; this one is for {estimator.task}"
        )
    return estimator


def level_of(args, channels: int) -> Callable[[Path, np.ndarray], UsedLevel]:
    """Returns ``(path, pixels) -> level`` for a restoration.

    Args:
        args: Has `level`, a number or ``"auto"``, `task`, and `estimator`.
        channels: Those of the network that restores: of colour a gray one sees the luma.

    Raises:
        WrongArgumentError: If the level makes no sense, the task's cannot be told, or the estimator
            is for another task.
    """
    if args.level != AUTO:
        # By the task named here, since a converted network may not know its own.
        level = UsedLevel(checked(lambda: TASKS[args.task].check_level(args.level)))
        return lambda path, pixels: level
    if args.task not in ESTIMATORS:
        raise WrongArgumentError(
            f"--level {AUTO} is there for {' and '.join(ESTIMATORS)}. For {args.task} give a number"
        )
    estimator = estimator_for(args.task, args.estimator)
    return _noise(estimator, channels) if args.task == "denoise" else _jpeg(estimator)


def _noise(estimator, channels):
    from keras_hyper.restoration.estimate import estimate

    def level(path, pixels):
        seen = _luma(pixels) if channels == 1 else pixels
        return UsedLevel(estimate(seen, estimator), "the network")

    return level


def _luma(pixels):
    from keras_hyper.restoration.kinds import to_float
    from pipelines.images import LUMA

    colour = pixels.ndim == 3 and pixels.shape[2] >= 3
    return to_float(pixels[..., :3]) @ LUMA if colour else pixels


_TOLD_BY = {"tables": "the file's tables", "pixels": "its pixels", "network": "the network"}


def _jpeg(estimator):
    def level(path, pixels):
        told = told_quality(path, pixels, estimator)
        if told is None:
            raise ValueError(
                f"{path}: nothing in it tells of JPEG. If it was one, give its quality, such as "
                "--level 40"
            )
        return UsedLevel(float(told.quality), _TOLD_BY[told.source])

    return level


def told_quality(path: Path, picture: np.ndarray, estimator=None):
    """Tells the quality of a JPEG: by its tables, and where it is no JPEG any more by its pixels.

    Args:
        path: The file.
        picture: What it holds, of the kinds that `keras_hyper.restore` takes, 16x16 and up.
        estimator: What is asked about a picture in which no table of libjpeg shows, since it was
            changed after its compression; None for nothing.

    Returns:
        A `pipelines.jpeg_quality.JpegQuality`, or None where nothing tells of JPEG.

    Raises:
        ValueError: If the file is damaged, or the picture of another kind or too small.
        OSError: If the file cannot be read.
    """
    from keras_hyper.restoration.kinds import checked_picture, split_alpha, to_float
    from pipelines.jpeg_quality import JpegQuality, is_jpeg, jpeg_quality
    from pipelines.jpeg_traces import quality_of_pixels

    if is_jpeg(path):
        return jpeg_quality(path)
    pixels, _ = split_alpha(checked_picture(picture))
    quality = quality_of_pixels(to_float(pixels))
    if quality is not None:
        return JpegQuality(quality, True, "pixels")
    return None if estimator is None else _by_network(pixels, estimator)


def _by_network(pixels, estimator):
    from keras_hyper.restoration.estimate import estimate
    from pipelines.jpeg_quality import JpegQuality

    told = estimate(pixels, estimator)
    return None if told >= _FINEST else JpegQuality(max(round(told), 1), False, "network")
