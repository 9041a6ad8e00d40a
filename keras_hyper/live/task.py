"""A task of the page: a network, its slider, its degradation and its estimator."""

import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from keras_hyper.live import gray_network
from keras_hyper.models import HyperRes, LevelEstimator
from keras_hyper.restoration.engines import OnnxEstimator
from keras_hyper.restoration.kinds import split_alpha, to_float, to_type
from keras_hyper.restoration.level import find_levels, fitting_estimators
from keras_hyper.restoration.restorer import NetworkRestorer, Restorer
from pipelines import SAMPLE_PICTURES, Task
from pipelines.enlarging import enlarge_picture
from pipelines.images import QUALITY, find_pictures


@dataclass(frozen=True)
class Slider:
    """A slider of the page, for one level of a task.

    Args:
        unit: The level in words.
        range: Lowest and highest level trained on.
        ends: Lowest and highest level of the slider.
        step: Step of the slider.
        rising: Whether a higher level means more restoration.
        name: Of one of several levels; empty for the only one.
    """

    unit: str
    range: tuple[float, float]
    ends: tuple[float, float]
    step: float
    rising: bool = True
    name: str = ""

    @property
    def weakest(self) -> float:
        """The end of the weakest restoration."""
        return self.ends[0 if self.rising else 1]


@dataclass(frozen=True)
class LiveTask:
    """A task of the page.

    Args:
        name: Name of the network.
        model: The network.
        check: ``level -> level``; raises ValueError if the level is not valid.
        sliders: One for each level.
        estimate: ``(path, pixels) -> level``, the weakest of the slider for a picture with next to
            no damage, or None if the picture does not show its level. None if levels cannot be
            estimated.
        degrade: ``(pixels, level) -> (degraded, clean)``, uint8. None if the page cannot degrade.
        scaled_level: ``(level, scale) -> level``, a number or a map: the level of a picture that
            was averaged to `scale` times its size.
        enlarge: ``(pixels, factor) -> pixels``, run before the network. None if the size stays.
        gray: The network of gray pictures, at the levels that it was trained on; None if `model`
            restores them.
        choice: Its name in the list of tasks.
        quality: Of a JPEG that is saved; None for the tables and subsampling of its file.
    """

    name: str
    model: Restorer
    check: Callable[[Any], Any]
    sliders: tuple[Slider, ...]
    estimate: Callable[[Path, np.ndarray], Any] | None = None
    degrade: Callable[[np.ndarray, Any], tuple[np.ndarray, np.ndarray]] | None = None
    scaled_level: Callable[[Any, float], Any] = lambda level, scale: level
    enlarge: Callable[[np.ndarray, float], np.ndarray] | None = None
    gray: Restorer | None = None
    choice: str = ""
    quality: int | None = None

    def parsed(self, level: Any) -> Any:
        """Returns a level of a request: a number, or of several levels a tuple.

        Args:
            level: A number, a list, or numbers as text, with commas between them.

        Raises:
            ValueError: If the level is not valid.
        """
        given = level.split(",") if isinstance(level, str) else np.ravel(level)
        numbers = tuple(float(number) for number in given)
        if len(numbers) != len(self.sliders):
            raise ValueError(f"expected {len(self.sliders)} levels, got {level}")
        return self.check(numbers if len(numbers) > 1 else numbers[0])

    def factor(self, level: Any) -> float:
        """Returns the side of the restored picture relative to the input."""
        return level if self.enlarge else 1.0

    def network(self, gray: bool, level: Any) -> Restorer:
        """Returns the network of a gray or coloured picture, as `ColourAndGrayRestorer` does."""
        if not (gray and self.gray):
            return self.model
        low, high = self.gray.level_range
        return self.gray if low <= level <= high else self.model

    def facts(self) -> dict[str, Any]:
        """Returns what the page shows of the task."""
        return {
            "model": self.name,
            "gray": self.gray
            and {"model": gray_network(self.name), "range": self.gray.level_range},
            "choice": self.choice or self.name,
            "sliders": [asdict(slider) for slider in self.sliders],
            "enlarges": self.enlarge is not None,
            "estimates": self.estimate is not None,
            "degrades": self.degrade is not None,
            "paints": self.enlarge is None and self.model.takes_maps and len(self.sliders) == 1,
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


def live_task(
    name: str,
    model: HyperRes | Restorer,
    task: Task,
    *estimators: LevelEstimator | OnnxEstimator | None,
    gray: HyperRes | Restorer | None = None,
) -> LiveTask:
    """Returns a task of the page.

    Args:
        name: Name of the network.
        model: The network.
        task: Its row.
        *estimators: Used if they are for this task, or for one of its levels.
        gray: The network for gray pictures; None for `model`.
    """
    sliders = _sliders(task, model)
    fitting = fitting_estimators(task, estimators)
    estimates = [
        bool(one or part.level_of_file or part.level_of_pixels)
        for one, part in zip(fitting, task.parts, strict=True)
    ]

    def estimate(path, pixels):
        found = find_levels(task, path, pixels, fitting)
        if found and not found.needed:
            return sliders[0].weakest
        return found and found.level

    def enlarge(pixels, factor):
        return enlarge_picture(pixels, *(max(1, round(side * factor)) for side in pixels.shape[:2]))

    return LiveTask(
        name,
        _restorer(name, model),
        task.check_level,
        sliders,
        estimate=estimate if estimates and all(estimates) else None,
        degrade=lambda pixels, level: _degraded(task, pixels, level),
        scaled_level=task.scaled_level,
        enlarge=enlarge if task.enlarges else None,
        gray=gray and _restorer(gray_network(name), gray),
        choice=task.choice,
        # The tables of the file would bring the artefacts back.
        quality=QUALITY if any(part.level_of_file for part in task.parts) else None,
    )


def _restorer(name, model):
    return model if isinstance(model, Restorer) else NetworkRestorer(name, model)


def _sliders(task, model):
    axes = task.axes or (task,)
    ranges = model.level_range if task.axes else [model.level_range]
    sliders = []
    for axis, (low, high) in zip(axes, ranges, strict=True):
        alone = axis.single_task or task
        if alone.enlarges:
            ends = max(axis.minimum, low - 0.5), high
        else:  # Networks also work beyond the range trained on: half as far down, a quarter up.
            ends = (
                max(axis.minimum, float(np.floor(low / 2))),
                min(axis.maximum, float(np.ceil(high * 1.25))),
            )
        name, unit = (axis.name, axis.unit) if task.axes else ("", model.unit)
        sliders.append(Slider(unit, (low, high), ends, alone.slider_step, alone.rising, name))
    return tuple(sliders)


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
