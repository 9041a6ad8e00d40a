"""The stages of a run: which levels, how many steps, what the scalar of a level is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from keras_hyper.errors import WrongArgumentError
from keras_hyper.methods import JOINT, METHODS, SCHEDULES, MethodRes, Stage, search_table
from keras_hyper.metrics import psnr
from keras_hyper.training.config import TrainingConfig
from pipelines import Levels, Task
from pipelines.task import TrainableTask

# Of the search of a table; 15 coefficients and 4 pictures at each take half a minute on two cores.
_SEARCHED_LEVELS, _SEARCHED_PICTURES = 8, 4


@dataclass(frozen=True)
class Part:
    """A stage of a run in numbers.

    Args:
        index: Of the stage.
        levels: Levels of every step.
        batch: Clean patches a step.
        first: First step.
        last: Step that it ends before.
        start: ``network -> None``, called before the first step; None for nothing.
    """

    index: int
    levels: Levels
    batch: int
    first: int
    last: int
    start: Callable | None = None


def stages_of(config: TrainingConfig) -> tuple[Stage, ...]:
    """Returns the stages of a config's method and schedule."""
    if config.method is None:
        return JOINT
    return SCHEDULES[config.schedule] if config.schedule else METHODS[config.method].stages


def parts_of(config: TrainingConfig, levels: Levels, task: Task) -> list[Part]:
    """Returns the stages of a run in numbers.

    A stage of one level has as many more patches a step as the run has levels, so that every
    method has the same number of gradients of (patch, level) in all.

    Args:
        config: The `TrainingConfig`, completed.
        levels: The levels of the run.
        task: The task.

    Raises:
        WrongArgumentError: If the stages need more levels, or fewer.
    """
    stages = stages_of(config)
    ends = {stage.levels for stage in stages} - {"all"}
    if (len(ends) == 1) != (levels.low == levels.high) and ends:
        wanted = "one level" if len(ends) == 1 else "two levels or more"
        raise WrongArgumentError(f"expected {wanted} with --method {config.method}, got {levels}")
    parts, first, batch = [], 0, config.batch or 1
    for index, stage in enumerate(stages):
        share = sum(stage.share for stage in stages[: index + 1])
        last = round(config.steps * share)
        own, patches = levels, batch
        if stage.levels != "all":
            level = _end(stage.levels, levels, task)
            own, patches = Levels((level,), level, level, 1), batch * levels.num_levels
        parts.append(Part(index, own, patches, first, last, stage.start))
        first = last
    return parts


def _end(name, levels, task):
    weakest, strongest = (levels.low, levels.high)[:: 1 if task.rising else -1]
    middle = levels.fixed[len(levels.fixed) // 2] if levels.fixed else (weakest + strongest) / 2
    return {"first": weakest, "middle": middle, "second": strongest}[name]


def first_table(config: TrainingConfig, levels: Levels, task: Task) -> list[list[float]]:
    """Returns the table that a method begins with; empty where the task's own map is used."""
    method = METHODS[config.method or "hyperres"]
    ends = {stage.levels for stage in stages_of(config)} - {"all"}
    if levels.low == levels.high or not (ends or method.unit_scalar):
        return []
    strongest = _end("second", levels, task)
    weakest = _end("first", levels, task)
    if method.off_at_zero:
        weakest = task.minimum if task.rising else task.maximum
    points = {weakest: 0.0, strongest: 1.0}
    if "middle" in ends:
        points[_end("middle", levels, task)] = 0.5
    return sorted([level, scalar] for level, scalar in points.items())


def searched(
    network: MethodRes,
    levels: Levels,
    task: Task,
    validation: Callable[[list[float]], tf.data.Dataset],
) -> dict:
    """Searches the table of a network of two ends, and gives it to the network.

    Args:
        network: Trained.
        levels: The levels of the run.
        task: The task.
        validation: ``levels -> validation pairs`` at these.

    Returns:
        ``levels``, ``coefficients``, ``psnr`` in dB as rows a level, and the ``table``.
    """
    known = [level for level in task.all_levels if levels.low <= level <= levels.high]
    known = sorted({levels.low, levels.high, *known, *levels.spread()})
    picked = np.unique(np.linspace(0, len(known) - 1, _SEARCHED_LEVELS).round().astype(int))
    known = [known[index] for index in picked]
    inputs, clean = next(validation(known).as_numpy_iterator())
    images, clean = inputs["image"][:_SEARCHED_PICTURES], clean[:_SEARCHED_PICTURES]
    # Of the coefficient itself, while it is searched.
    network.level_table = [[0.0, 0.0], [1.0, 1.0]]

    def psnr_at(level, coefficient):
        image = images[:, known.index(level)]
        restored = network({"image": image, "level": coefficient})
        return float(ops.mean(psnr(clean, ops.clip(restored, 0.0, 1.0))))

    table, coefficients, scores = search_table(psnr_at, known, task.rising)
    network.level_table = table
    return {"levels": known, "coefficients": coefficients, "psnr": scores, "table": table}


def has_two_ends(config: TrainingConfig) -> bool:
    """Whether stages of one level each make a network for all levels between."""
    return {stage.levels for stage in stages_of(config)} == {"first", "second"}


def checked_method(config: TrainingConfig, restores: bool) -> TrainingConfig:
    """Returns the config with a method of None for HyperRes itself, and a loss of None for l1.

    Args:
        config: The settings.
        restores: Whether the task restores images.

    Raises:
        WrongArgumentError: If another argument excludes a method.
    """
    if config.loss and not restores:
        raise WrongArgumentError(f"expected no --loss with --task {config.task}, an estimator")
    config = replace(config, loss=None if config.loss == "l1" else config.loss)
    if config.method is None and config.schedule:
        raise WrongArgumentError(f"expected --method with --schedule {config.schedule}")
    if config.method == "hyperres" and config.schedule in (None, "joint"):
        return replace(config, method=None, schedule=None)
    if config.schedule == "ends" and not METHODS[config.method or "hyperres"].tuning:
        raise WrongArgumentError(f"expected no --schedule ends with --method {config.method}")
    if config.method and not restores:
        raise WrongArgumentError(f"expected no --method with --task {config.task}, an estimator")
    return config


def check_trunk(config: TrainingConfig, task: TrainableTask) -> None:
    """Checks that no option changes the network of a task that has its own, or several levels.

    Raises:
        WrongArgumentError: If one is given.
    """
    if task.axes and config.method:
        raise WrongArgumentError(
            f"expected no --method with --task {task.name}, which has several levels"
        )
    for name in ("method", "blocks", "filters", "tail"):
        if getattr(task, "trunk", None) and getattr(config, name) is not None:
            raise WrongArgumentError(
                f"expected no --{name} with --task {task.name}, which has its own network"
            )


def checked_initial(initial: Any, method: str | None) -> Any:
    """Returns the network that a run is initialised from.

    Args:
        initial: The network.
        method: Of the run; None for HyperRes.

    Raises:
        WrongArgumentError: If it is of another method, which has other variables.
    """
    found = initial.method_name if isinstance(initial, MethodRes) else None
    if method and found != method:
        raise WrongArgumentError(
            f"expected an initial network of --method {method}, got one of {found or 'HyperRes'}"
        )
    if found and not method:
        raise WrongArgumentError(
            "expected an initial HyperRes; keras_hyper.methods.merge makes one of a method's"
        )
    return initial
