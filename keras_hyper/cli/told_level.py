"""The level of a restoration: the one that is given, or the one that each picture tells."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_hyper.cli.load import load_level_estimator
from keras_hyper.cli.one_line import WrongArgumentError, checked
from pipelines import TASKS

AUTO = "auto"


def level_or_auto(word: str) -> float | str:
    """Reads ``--level``: a number, or ``auto``."""
    if word == AUTO:
        return AUTO
    try:
        return float(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"wanted a number or {AUTO}, got {word!r}") from None


def level_of(args, channels: int) -> Callable[[Path, np.ndarray], float]:
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
        level = checked(lambda: TASKS[args.task].check_level(args.level))
        return lambda path, pixels: level
    if args.task not in _TELLERS:
        raise WrongArgumentError(
            f"--level {AUTO} is there for {' and '.join(_TELLERS)}. For {args.task} give a number"
        )
    return _TELLERS[args.task](args, channels)


def _noise(args, channels):
    from keras_hyper.estimation import estimate

    estimator = load_level_estimator(args.estimator)
    if estimator.task != args.task:
        raise WrongArgumentError(
            f"an estimator for {args.task} was wanted; this one is for {estimator.task}"
        )
    return lambda path, pixels: estimate(_luma(pixels) if channels == 1 else pixels, estimator)


def _luma(pixels):
    from keras_hyper.picture_kinds import to_float
    from pipelines.decode import LUMA

    colour = pixels.ndim == 3 and pixels.shape[2] >= 3
    return to_float(pixels[..., :3]) @ LUMA if colour else pixels


def _jpeg(args, channels):
    def level(path, pixels):
        told = told_quality(path, pixels)
        if told is None:
            raise ValueError(
                f"{path}: nothing in it tells of JPEG. If it was one, give its quality, such as "
                "--level 40"
            )
        return float(told.quality)

    return level


def told_quality(path: Path, picture: np.ndarray):
    """Tells the quality of a JPEG: by its tables, and where it is no JPEG any more by its pixels.

    Args:
        path: The file.
        picture: What it holds, of the kinds that `keras_hyper.restore` takes, 16x16 and up.

    Returns:
        A `pipelines.jpeg_quality.JpegQuality`, or None where neither tells of JPEG.

    Raises:
        ValueError: If the file is damaged, or the picture of another kind or too small.
        OSError: If the file cannot be read.
    """
    from keras_hyper.picture_kinds import checked_picture, split_alpha, to_float
    from pipelines.jpeg_quality import JpegQuality, is_jpeg, jpeg_quality
    from pipelines.jpeg_traces import quality_of_pixels

    if is_jpeg(path):
        return jpeg_quality(path)
    pixels, _ = split_alpha(checked_picture(picture))
    quality = quality_of_pixels(to_float(pixels))
    return None if quality is None else JpegQuality(quality, True, "pixels")


_TELLERS = {"denoise": _noise, "dejpeg": _jpeg}
