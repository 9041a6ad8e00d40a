"""A task of the page: a network, its slider, its degradation and its estimator."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from keras_hyper.models import HyperRes, LevelEstimator
from keras_hyper.restoration.kinds import split_alpha, to_float, to_type
from keras_hyper.restoration.level import find_level
from pipelines import SAMPLE_PICTURES, Task
from pipelines.enlarging import enlarge_picture
from pipelines.images import find_pictures


@dataclass(frozen=True)
class LiveTask:
    """A task of the page.

    Args:
        name: Name of the network.
        model: The network.
        check: ``level -> level``; raises ValueError if the level is not valid.
        slider: Lowest and highest level of the slider, and its step.
        rising: Whether a higher level means more restoration.
        estimate: ``(path, pixels) -> level``, or None if the picture does not show its level. None
            if levels cannot be estimated.
        degrade: ``(pixels, level) -> (degraded, clean)``, uint8. None if the page cannot degrade.
        scaled_level: ``(level, scale) -> level``, a number or a map: the level of a picture that
            was averaged to `scale` times its size.
        enlarge: ``(pixels, factor) -> pixels``, run before the network. None if the size stays.
    """

    name: str
    model: Any
    check: Callable[[float], float]
    slider: tuple[float, float, float]
    rising: bool = True
    estimate: Callable[[Path, np.ndarray], float | None] | None = None
    degrade: Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray]] | None = None
    scaled_level: Callable[[Any, float], Any] = lambda level, scale: level
    enlarge: Callable[[np.ndarray, float], np.ndarray] | None = None

    def factor(self, level: float) -> float:
        """Returns the side of the restored picture relative to the input."""
        return level if self.enlarge else 1.0

    def facts(self) -> dict[str, Any]:
        """Returns what the page shows of the task."""
        return {
            "model": self.name,
            "unit": self.model.unit,
            "range": self.model.level_range,
            "slider": self.slider,
            "rising": self.rising,
            "enlarges": self.enlarge is not None,
            "estimates": self.estimate is not None,
            "degrades": self.degrade is not None,
            "paints": self.enlarge is None,
        }


def sample_pictures() -> dict[str, Path]:
    """Returns the sample pictures of the package by name."""
    return {path.stem: path for path in find_pictures(SAMPLE_PICTURES)}


def thumbnail(path: Path) -> bytes:
    """Returns a small JPEG of a sample picture."""
    data = io.BytesIO()
    with Image.open(path) as picture:
        small = ImageOps.fit(picture.convert("RGB"), (144, 96))
    small.save(data, "JPEG", quality=85)
    return data.getvalue()


def live_task(name: str, model: HyperRes, task: Task, estimator: LevelEstimator | None) -> LiveTask:
    """Returns a task of the page.

    Args:
        name: Name of the network.
        model: The network.
        task: Its row.
        estimator: Used if it is for this task.
    """
    low, high = model.level_range
    if task.enlarges:
        low = max(task.minimum, low - 0.5)
    else:  # Networks also work beyond the range trained on: half as far down, a quarter up.
        low, high = max(task.minimum, np.floor(low / 2)), min(task.maximum, np.ceil(high * 1.25))
    fits = estimator is not None and estimator.task == task.name

    def estimate(path, pixels):
        found = find_level(task, path, pixels, estimator if fits else None)
        return found.level if found and found.needed else None

    def enlarge(pixels, factor):
        return enlarge_picture(pixels, *(max(1, round(side * factor)) for side in pixels.shape[:2]))

    return LiveTask(
        name,
        model,
        task.check_level,
        (low, high, task.slider_step),
        task.rising,
        estimate=estimate if fits or task.level_of_file or task.level_of_pixels else None,
        degrade=lambda pixels, level: _degraded(task, pixels, level),
        scaled_level=task.scaled_level,
        enlarge=enlarge if task.enlarges else None,
    )


def _degraded(task, pixels, level):
    """Returns a degraded picture and the clean one, uint8, gray without an axis of channels."""
    clean = to_type(to_float(split_alpha(pixels)[0]), np.dtype(np.uint8))
    if task.enlarges:
        # The largest small picture whose enlargement is inside the clean one.
        small = [int(side // level) for side in clean.shape[:2]]
        height, width = (round(side * level) for side in small)
        clean = clean[:height, :width]
        degraded = enlarge_picture(clean, *small)
    else:
        degraded = task.degrade_picture(to_float(clean), level, (0, 0))
        degraded = to_type(degraded, np.dtype(np.uint8))
    if clean.shape[-1] == 1:
        return degraded[..., 0], clean[..., 0]
    return degraded, clean
