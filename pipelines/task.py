"""What a row of `pipelines.tasks` holds: every fact about a task."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipelines.levels import parse_levels
from pipelines.protocols import ROUNDED, Protocol


@dataclass(frozen=True, kw_only=True)
class LevelAxis:
    """A level: its unit, and which levels are valid in it.

    Args:
        name: Of the axis on the command line, or of the task that has this level alone.
        unit: The level in words, such as ``"JPEG quality"``.
        minimum: Lowest level that is valid in this unit.
        maximum: Highest level that is valid in this unit.
        levels: Levels trained on by default, or one range ``"LOW:HIGH"``.
        single_task: Of an axis the task of this level alone: its row defines how the level of a
            picture is estimated. None if no task has it.
        estimator: Name of the estimator of the level that ships; empty if none does. Of an axis,
            an estimator that was trained on the degradation with all levels; without one that of
            `single_task` is used.
    """

    kind: ClassVar[str] = "axis"
    name: str
    unit: str
    minimum: Any
    maximum: Any
    levels: tuple[float | str, ...]
    single_task: "Task | None" = None
    estimator: str = ""

    def check_level(self, level: Any) -> Any:
        """Returns the level as a float.

        Raises:
            ValueError: If it is not finite, or beyond the bounds of its unit.
        """
        level = float(level)
        if not (math.isfinite(level) and self.minimum <= level <= self.maximum):
            raise ValueError(
                f"{self.kind} {self.name}: expected a level ({self.unit}) from {self.minimum:g} to "
                f"{self.maximum:g}, got {level:g}"
            )
        return level


@dataclass(frozen=True, kw_only=True)
class TrainableTask(LevelAxis):
    """What can be trained: a degradation, its level, and how training pairs are made.

    Args:
        name: Its name on the command line and in saved networks; see `LevelAxis` for further
            fields.
        axes: See `AxesTask`; empty for one level.
        degrade: ``(image, level, seed) -> degraded``: a batch float32 ``(batch, height, width,
            channels)`` in [0, 1] at one level ``()``, as tensor code that runs on any device.
        degrade_for_benchmark: ``(picture, level) -> degraded`` for one picture ``(height, width,
            channels)``: the reference implementation. None if every call gives another result.
        degrade_for_training: As `degrade`, for training patches, if real pictures are more varied
            than the benchmark's. None if they are not.
        margin: Pixels read around each side of a training patch, even: half of them is what the
            degradation depends on, half is for the random position of the patch.
        multiple: ``levels -> pixels``: whole pictures are cut to sides that are multiples of this.
        skip: Rows and columns skipped at the top and left of training pictures. Most photographs
            are JPEGs: compressed again on the grid of their own blocks they change far less than a
            picture that never was one.
        gray: Share of the colour patches trained on that become gray, in three equal channels.
        target: ``(inputs, clean) -> what the network is to return`` for a batch of pairs.
        usage: The command to go on with after training, with the fields ``{task}``, ``{level}``
            and ``{model}``.
    """

    kind: ClassVar[str] = "task"
    objective: ClassVar[str]  # what is learned, "restore" or "estimate"
    axes: tuple[LevelAxis, ...] = ()
    degrade: Callable
    degrade_for_benchmark: Callable | None = None
    degrade_for_training: Callable | None = None
    margin: int = 0
    multiple: Callable[[tuple[float, ...]], int] = lambda levels: 1
    skip: int = 0
    gray: float = 0.2
    target: Callable
    usage: str

    def __post_init__(self):
        for name in ("name", "unit"):
            value = getattr(self, name)
            if not (isinstance(value, str) and value.strip()):
                raise ValueError(f"task {self.name!r}: expected `{name}` to be text, got {value!r}")
        if not callable(self.degrade):
            raise ValueError(
                f"task {self.name!r}: expected `degrade` to be a function, got {self.degrade!r}"
            )
        if not self.levels or not self.minimum < self.maximum:
            raise ValueError(
                f"task {self.name!r}: expected `levels` and `minimum` below `maximum`, got "
                f"{self.levels}, {self.minimum:g} and {self.maximum:g}"
            )
        parse_levels(None, self)


@dataclass(frozen=True, kw_only=True)
class Task(TrainableTask):
    """A degradation that a network undoes at a level. See `TrainableTask` for further fields.

    Args:
        level_offset: With `level_scale`, the affine map to the network's own scalar
            ``(level - level_offset) / level_scale``: about -1..1 over the levels trained on.
        level_scale: See `level_offset`.
        trunk: ``channels -> network``: a functional Keras model of your own that returns the
            restored image, in place of the project's network; its convolutions become generated.
        title: What restoring is called in headings; the name by default.
        label: The level in one or two words, for the columns of tables; the unit by default.
        rising: Whether a higher level means more damage, and so more restoration.
        enlarges: Whether the level is a factor by which a small picture is enlarged first.
        preset: Name of the network that ships; empty if none does.
        gray_preset: Name of the network that ships for gray pictures; empty if none does.
        estimator_limit: An estimate of less damage than this level has means an undegraded
            picture; None if every estimate counts.
        automatic: A picture that is restored by no chosen task needs this one if it has at least
            the damage of this level, by an estimator in every crop. None if this task is never
            chosen.
        whole_levels: Whether estimated levels are rounded to whole numbers.
        level_of_file: ``path -> level``: the level that a file records, as a `JpegQuality`; None
            if it records none.
        level_of_pixels: ``picture -> level``: the level that the pixels, float32 ``(height, width,
            channels)`` in [0, 1], show for certain; None if they show none.
        luma_differs: Whether the luma of a colour picture has another level than its channels.
        strength: Points ``(level, strength)``, levels ascending, for `scaled_level`. Strength is
            linear between them. Empty if the level cannot be scaled.
        white_gaussian: Whether the degradation adds white Gaussian noise of standard deviation
            ``level``, so that the error can be estimated without the clean picture.
        choice: Its name in the page's list of tasks; the title by default.
        listed_first: Whether the page lists it first and opens with it.
        slider_step: Step of the slider on the page.
        browser: Names of the functions of the page without a server that do in JavaScript what
            fields of this row do in Python: ``"degrade"`` is ``"noise"``, ``"camera"``, ``"jpeg"``
            or ``"shrink"``, of several axes one for each, in their order, with spaces between;
            ``"level_of_file"`` is ``"jpeg"``. Without them the page does not offer it.
        protocols: How figures are measured, the headline's first; by default one, ``"plain"``:
            even crop, then `degrade_for_benchmark` or `degrade`.
        all_levels: Levels of the curves of reports; by default those trained on.
        extrapolated_levels: Further levels of a model's card, beyond those of the curves.
        test_sets: Folders that reports are measured on; by default all folders of the data.
    """

    objective: ClassVar[str] = "restore"
    level_offset: Any
    level_scale: Any
    trunk: Callable[[int], Any] | None = None
    title: str = ""
    label: str = ""
    rising: bool = True
    enlarges: bool = False
    preset: str = ""
    gray_preset: str = ""
    estimator_limit: float | None = None
    automatic: float | None = None
    whole_levels: bool = False
    level_of_file: Callable[[Path], Any] | None = None
    level_of_pixels: Callable[[np.ndarray], float | None] | None = None
    luma_differs: bool = False
    strength: tuple[tuple[float, float], ...] = ()
    white_gaussian: bool = False
    choice: str = ""
    listed_first: bool = False
    slider_step: float = 0.5
    browser: Mapping[str, str] = field(default_factory=dict)
    protocols: tuple[Protocol, ...] = ()
    all_levels: tuple[Any, ...] = ()
    extrapolated_levels: tuple[float, ...] = ()
    test_sets: tuple[str, ...] = ()
    target: Callable = lambda inputs, clean: clean
    usage: str = "keras-hyper restore IN OUT --task {task} --level {level} --model {model}"

    def __post_init__(self):
        super().__post_init__()
        if not np.min(self.level_scale) > 0:
            raise ValueError(
                f"task {self.name}: expected `level_scale` above 0, got {self.level_scale!r}"
            )
        defaults = {
            "title": self.name,
            "label": self.unit,
            "choice": self.title or self.name,
            "all_levels": parse_levels(None, self).spread(),
        }
        for name, value in defaults.items():
            object.__setattr__(self, name, getattr(self, name) or value)
        if not self.protocols:
            plain = "plain: even crop; " + ROUNDED
            row = Protocol("plain", plain, self.degrade_picture, self.all_levels)
            object.__setattr__(self, "protocols", (row,))

    @property
    def parts(self) -> "tuple[Task, ...]":
        """A task for each level: itself, or of several axes theirs; empty if one has none."""
        return (self,)

    @property
    def scales(self) -> bool:
        """Whether levels can be scaled: see `scaled_level`."""
        return bool(self.parts) and all(part.strength for part in self.parts)

    def degrade_picture(
        self, picture: np.ndarray, level: float, seed: tuple[int, int]
    ) -> np.ndarray:
        """Degrades one picture ``(height, width, channels)`` as evaluation does.

        The result is that of `degrade_for_benchmark`; of `degrade` and `seed` without one.
        """
        if self.degrade_for_benchmark is not None:
            return np.asarray(self.degrade_for_benchmark(picture, level))
        return np.asarray(self.degrade(picture[None], np.float32(level), seed)[0])

    def is_damage(self, level: float, limit: float | None) -> bool:
        """Returns whether a level means at least the damage of a limit; None is no limit."""
        return limit is None or (level >= limit if self.rising else level <= limit)

    def scaled_level(self, level: float | np.ndarray, factor: float) -> float | np.ndarray:
        """Returns the level, or map of levels, of a degradation that is `factor` times as strong.

        A picture that is shrunk to a scale by averaging has the level of that factor.

        Args:
            level: In the task's unit.
            factor: Of the strength, 0 and up. Without points of `strength` the level stays.
        """
        if not self.strength:
            return level
        levels, strengths = np.transpose(self.strength)
        strength = np.interp(level, levels, strengths) * factor
        ascending = slice(None, None, 1 if strengths[-1] > strengths[0] else -1)
        scaled = np.interp(strength, strengths[ascending], levels[ascending])
        return scaled if np.ndim(level) else float(scaled)


@dataclass(frozen=True, kw_only=True)
class AxesTask(Task):
    """A task with several levels, such as noise and JPEG. See `Task` for further fields.

    Its level is a tuple of a number for each axis, in `degrade` a tensor ``(axes,)``.

    Args:
        axes: A `LevelAxis` for each. The middle of the levels that it is trained on is 0 for the
            network, their ends are -1 and 1.
    """

    axes: tuple[LevelAxis, ...]
    unit: str = ""
    minimum: Any = ()
    maximum: Any = ()
    levels: tuple[Any, ...] = ()
    level_offset: Any = ()
    level_scale: Any = ()

    def __post_init__(self):
        if len({axis.name for axis in self.axes}) < max(2, len(self.axes)):
            names = [axis.name for axis in self.axes]
            raise ValueError(f"task {self.name!r}: expected two axes or more, got {names}")
        trained = parse_levels(None, self)
        derived = {
            "unit": ", ".join(f"{axis.name}: {axis.unit}" for axis in self.axes),
            "label": " and ".join(axis.name for axis in self.axes),
            "minimum": tuple(axis.minimum for axis in self.axes),
            "maximum": tuple(axis.maximum for axis in self.axes),
            "levels": trained.spread(),
            "level_offset": tuple((np.add(trained.low, trained.high) / 2).tolist()),
            "level_scale": tuple((np.subtract(trained.high, trained.low) / 2).tolist()),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, getattr(self, name) or value)
        super().__post_init__()

    @property
    def parts(self) -> tuple[Task, ...]:
        """The task of each level alone; empty if an axis has none."""
        tasks = tuple(axis.single_task for axis in self.axes if axis.single_task)
        return tasks if len(tasks) == len(self.axes) else ()

    def scaled_level(self, level: Any, factor: float) -> Any:
        """Returns the levels as the task of each scales it; see `Task.scaled_level`."""
        if not self.parts:
            return level
        pairs = zip(self.parts, level, strict=True)
        return tuple(part.scaled_level(one, factor) for part, one in pairs)

    def check_level(self, level: Any) -> Any:
        """Returns the level as a tuple of floats; see `LevelAxis.check_level`."""
        if np.shape(level) != (len(self.axes),):
            names = ", ".join(axis.name for axis in self.axes)
            raise ValueError(f"task {self.name}: expected a level for each of {names}, got {level}")
        return tuple(axis.check_level(one) for axis, one in zip(self.axes, level, strict=True))


@dataclass(frozen=True, kw_only=True)
class EstimatorTask(TrainableTask):
    """The estimation of a task's level, in its unit. See `TrainableTask` for further fields.

    Args:
        of: The task whose level is estimated.
        axis: Of a task with several levels the name of the axis that is estimated. The levels of
            the others are those that `of` is trained on.
        network: Arguments of `LevelEstimator` other than its defaults.
    """

    objective: ClassVar[str] = "estimate"
    of: Task
    axis: str = ""
    unit: str = ""
    minimum: Any = 0.0
    maximum: Any = 0.0
    levels: tuple[Any, ...] = ()
    network: Mapping[str, Any] = field(default_factory=dict)
    target: Callable = lambda inputs, clean: inputs["level"]
    usage: str = ""

    def __post_init__(self):
        names = [axis.name for axis in self.of.axes] or [""]
        if self.axis not in names:
            raise ValueError(
                f"task {self.name!r}: expected `axis` of {' or '.join(map(repr, names))}, got "
                f"{self.axis!r}"
            )
        if self.axis:
            index = names.index(self.axis)
            object.__setattr__(self, "axes", self.of.axes)
            object.__setattr__(self, "unit", self.unit or self.axes[index].unit)
            object.__setattr__(self, "target", lambda inputs, clean: inputs["level"][..., index])
        for name in ("unit", "minimum", "maximum", "levels"):
            object.__setattr__(self, name, getattr(self, name) or getattr(self.of, name))
        usage = f"keras-hyper restore IN OUT --task {self.of.name} --level auto"
        object.__setattr__(self, "usage", self.usage or usage + " --estimator {model}")
        super().__post_init__()
