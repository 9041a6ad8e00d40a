"""The level of a restoration: given, or estimated from each picture."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.restoration.engines import OnnxEstimator, open_estimator
from keras_hyper.restoration.kinds import checked_picture, split_alpha, to_float
from keras_hyper.restoration.picture import estimate
from pipelines import TASKS, Task
from pipelines.color import luma
from pipelines.levels import named

if TYPE_CHECKING:
    from keras_hyper.models import LevelEstimator
    from pipelines.jpeg_analysis import JpegQuality

    Estimator = LevelEstimator | OnnxEstimator

AUTO = "auto"
# Side in pixels that the analyses of pixels and the estimators need.
_SMALLEST_SIDE = 16
LevelChoice = Callable[[Path, np.ndarray], "UsedLevel | None"]
_SOURCES = {"tables": "the file's tables", "pixels": "its pixels", "network": "the network"}


@dataclass(frozen=True)
class UsedLevel:
    """The level that a picture is restored at.

    Args:
        level: In the task's unit; of several axes a tuple.
        source: Of an estimate ``"tables"`` (of the file), ``"pixels"`` or ``"network"``, of several
            axes a tuple; empty for a given level.
        exact: False for an approximate level.
        needed: False if the picture is left as it is, because it has next to no such damage.
    """

    level: Any
    source: Any = ""
    exact: bool = True
    needed: bool = True

    def __str__(self):
        sources = [_SOURCES[source] for source in np.ravel(self.source) if source]
        source = f" (from {', '.join(sources)})" if sources else ""
        levels = " ".join(f"{level:.3g}" for level in np.ravel(self.level))
        return f"level {levels}{source}"


def level_or_auto(text: str) -> float | str:
    """Parses ``--level``: a number, ``auto``, or ``noise=15 jpeg=40`` as it is."""
    if text == AUTO or "=" in text:
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number or {AUTO}, got {text!r}") from None


def chosen_level(words: Sequence[float | str] | None, task: Task | None) -> Any:
    """Returns the level that the words of ``--level`` name: `AUTO`, a number, or one for each axis.

    Args:
        words: Of `level_or_auto`; with several axes numbers in their order, or by name. None is
            `AUTO`.
        task: None if the user chose none.

    Raises:
        WrongArgumentError: If the task has other axes, or a level is not valid.
    """
    given = list(words or [AUTO])
    if given == [AUTO]:
        return AUTO
    if task is None:
        raise WrongArgumentError("expected --task with --level")
    text = " ".join(f"{word:g}" if isinstance(word, float) else word for word in given)
    names = [axis.name for axis in task.axes]
    numbers = [word for word in given if isinstance(word, float)]
    if not names:
        if len(given) > 1 or not numbers:
            raise WrongArgumentError(
                f"expected one number as --level with --task {task.name}, got {text}"
            )
        return checked(lambda: task.check_level(numbers[0]))
    if not len(numbers) == len(given) == len(names):
        pairs = checked(lambda: named([text], task.axes, "--level"))
        try:
            numbers = [float(pairs[name]) for name in names]
        except (KeyError, ValueError):
            example = " ".join(f"{name}=..." for name in names)
            raise WrongArgumentError(f"expected --level {example}, got {text}") from None
    return checked(lambda: task.check_level(numbers))


def estimator_for(task: str, name: str | None = None, engine: str = "tensorflow") -> "Estimator":
    """Opens the estimator of a task's level.

    Args:
        task: Name of the task.
        name: A file, a folder or a preset; by default the estimator that ships.
        engine: What runs it: see `engines.open_onnx`.

    Raises:
        WrongArgumentError: If no estimator has this name, none ships, or it is for another task.
    """
    if not (name or TASKS[task].estimator):
        known = ", ".join(row.name for row in TASKS.values() if row.estimator)
        raise WrongArgumentError(
            f"no estimator ships for {task}: give its level as a number ({known} have one)"
        )
    estimator = open_estimator(name or TASKS[task].estimator, engine)
    if estimator.task != task:
        raise WrongArgumentError(f"expected an estimator for {task}, got one for {estimator.task}")
    return estimator


def estimators_for(
    task: Task, names: Sequence[str] = (), engine: str = "tensorflow"
) -> "list[Estimator]":
    """Opens the estimators of a task: one, or one for each axis.

    Args:
        task: The task.
        names: Of estimators to use in place of those that ship, as in `estimator_for`.
        engine: What runs them: see `engines.open_onnx`.

    Raises:
        WrongArgumentError: As in `estimator_for`.
    """
    given = [open_estimator(name, engine) for name in names]
    fitting = fitting_estimators(task, given)
    axes: Sequence[Any] = task.axes or (task,)
    parts = task.parts or (task,) * len(axes)
    for other in given:
        if other not in fitting:
            known = dict.fromkeys([*(part.name for part in parts), task.name])
            raise WrongArgumentError(
                f"expected an estimator for {' or '.join(known)}, got one for {other.task}"
            )
    return [
        one
        or (open_estimator(axis.estimator, engine) if axis.estimator else None)
        or estimator_for(part.name, engine=engine)
        for one, axis, part in zip(fitting, axes, parts, strict=True)
    ]


def fitting_estimators(
    task: Task, estimators: "Sequence[Estimator | None]"
) -> "list[Estimator | None]":
    """Returns the estimator of each level of a task among some for any tasks, None without one.

    One for this level of this task comes before one for the task that has this level alone.
    """
    known = {(one.task, one.axis): one for one in estimators if one}
    axes = [axis.name for axis in task.axes] or [""]
    parts = [part.name for part in task.parts] or [""] * len(axes)
    return [
        known.get((task.name, axis)) or known.get((part, ""))
        for axis, part in zip(axes, parts, strict=True)
    ]


def level_choice(
    task: Task,
    level: Any,
    estimator: str | None = None,
    channels: int = 3,
    strength: float = 1.0,
    chosen: bool = True,
    engine: str = "tensorflow",
) -> LevelChoice:
    """Returns ``(path, pixels) -> level`` for a restoration; the level is None if none is found.

    Args:
        task: The task; a converted network may have none.
        level: In the task's unit, one number for each axis; or `AUTO`: estimated from each picture.
        estimator: By file, folder or name; by default the one that ships, of several axes those.
        channels: Channels of the network that restores.
        strength: Factor of the level's strength: below 1 for a weaker restoration.
        chosen: Whether the user chose the task. Otherwise a picture needs it only from the level
            `Task.automatic` on, and by an estimator only if each crop has this level: noise is
            everywhere, fine texture is not. No estimator is asked if files record the level.
        engine: What runs the estimator: see `engines.open_onnx`.

    Raises:
        WrongArgumentError: If the level is invalid, no such estimator of the task exists, or the
            task's level cannot be scaled.
    """
    if strength != 1.0 and not task.scales:
        raise WrongArgumentError(f"expected no --strength with --task {task.name}")

    def scaled(used):
        return replace(used, level=task.scaled_level(used.level, strength))

    if level != AUTO:
        given = UsedLevel(checked(lambda: task.check_level(level)))
        return lambda path, pixels: given if strength == 1.0 else scaled(given)
    asks = chosen or not task.level_of_file
    names = [estimator] if estimator else []
    networks = estimators_for(task, names, engine) if asks else [None]

    def estimated(path, pixels):
        if not chosen and min(pixels.shape[:2]) < _SMALLEST_SIDE:
            return None
        found = find_levels(task, path, pixels, networks, channels)
        if found and not chosen:
            found = _clearly(task, found, pixels, networks[0])
        return found and (found if strength == 1.0 else scaled(found))

    return estimated


def automatic_tasks() -> list[Task]:
    """Returns the tasks that a picture may need without a chosen one, in their order."""
    return [task for task in TASKS.values() if task.automatic is not None and task.preset]


def _clearly(task, found, pixels, estimator):
    """Without a chosen task: the level, and whether the picture needs the task."""
    if found.needed and found.source == "network":
        least = estimate(pixels, estimator, rank=0 if task.rising else -1)
        if not task.is_damage(least, task.automatic):
            found = replace(found, level=least)
    return replace(found, needed=found.needed and task.is_damage(found.level, task.automatic))


def find_levels(
    task: Task,
    path: Path,
    picture: np.ndarray,
    estimators: "Sequence[Estimator | None]",
    channels: int = 3,
) -> UsedLevel | None:
    """Finds the level of a picture as `find_level` does, of several axes each.

    An axis without damage gets its weakest level. If one level is not found, none is.

    Args:
        task: The task.
        path: See `find_level`, also for `picture`, `channels` and errors.
        picture: See `path`.
        estimators: Of `estimators_for`, or None for each.
        channels: See `path`.
    """
    found = [
        find_level(part, path, picture, estimator, channels)
        for part, estimator in zip(task.parts, estimators, strict=True)
    ]
    if not task.axes or None in found:
        return found[0] if not task.axes else None
    used = [one for one in found if one]
    levels = [
        one.level if one.needed else (axis.minimum if part.rising else axis.maximum)
        for one, axis, part in zip(used, task.axes, task.parts, strict=True)
    ]
    exact, needed = all(one.exact for one in used), any(one.needed for one in used)
    return UsedLevel(tuple(levels), tuple(one.source for one in used), exact, needed)


def find_level(
    task: Task,
    path: Path,
    picture: np.ndarray,
    estimator: "Estimator | None" = None,
    channels: int = 3,
) -> UsedLevel | None:
    """Finds the level of a picture: from the file, else the pixels, else the estimator, else None.

    Args:
        task: Its row defines the analyses of file and pixels.
        path: The file.
        picture: Its pixels, of the kinds that `keras_hyper.restore` takes, 16x16 and up.
        estimator: The network that estimates it; None for none.
        channels: Channels of the network that restores; a gray one needs the level of the luma.

    Raises:
        ValueError: If the file is damaged, or the picture of another kind or too small.
        OSError: If the file cannot be read.
    """
    recorded = task.level_of_file(path) if task.level_of_file else None
    if recorded is not None:
        return UsedLevel(float(recorded.quality), "tables", recorded.exact)
    pixels, _ = split_alpha(checked_picture(picture))
    found = task.level_of_pixels(to_float(pixels)) if task.level_of_pixels else None
    if found is not None:
        return UsedLevel(float(found), "pixels")
    if estimator is None:
        return None
    if channels == 1 and task.luma_differs and pixels.shape[-1] == 3:
        pixels = luma(to_float(pixels))
    level = estimate(pixels, estimator)
    needed = task.is_damage(level, task.estimator_limit)
    level = min(max(level, task.minimum), task.maximum)
    level = float(round(level)) if task.whole_levels else level
    return UsedLevel(level, "network", exact=False, needed=needed)


def quality_of_jpeg(
    path: Path, picture: np.ndarray, estimator: "Estimator | None" = None
) -> "JpegQuality | None":
    """Finds the JPEG quality of a picture, as `find_level` does."""
    from pipelines.jpeg_analysis import JpegQuality

    found = find_level(TASKS["dejpeg"], path, picture, estimator)
    if not (found and found.needed):
        return None
    return JpegQuality(round(found.level), found.exact, found.source)
