"""The tasks: one row holds every fact about a task.

`TASKS` are restored by a network at a level; `ESTIMATOR_TASKS` train a network that estimates the
level of one of `TASKS`. `register_task` adds a row at run time.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from pipelines.degradations.bicubic import shrink_and_enlarge
from pipelines.degradations.jpeg import (
    QUALITY_PERCENT,
    compress_jpeg,
    compress_jpeg_libjpeg,
    quality_or_none,
    recompress_jpeg,
)
from pipelines.degradations.noise import (
    add_gaussian_noise,
    add_noise_of_any_file,
    add_noise_to_learn_from,
)
from pipelines.levels import parse_levels
from pipelines.protocols import (
    BICUBIC_PROTOCOLS,
    JPEG_PROTOCOLS,
    NOISE_PROTOCOLS,
    ROUNDED,
    Protocol,
)


@dataclass(frozen=True, kw_only=True)
class TrainableTask:
    """What can be trained: a degradation, its level, and how training pairs are made.

    Args:
        name: Its name on the command line and in saved networks.
        degrade: ``(image, level, seed) -> degraded``: a batch float32 ``(batch, height, width,
            channels)`` in [0, 1] at one level ``()``, as tensor code that runs on any device.
        unit: The level in words, such as ``"JPEG quality"``.
        minimum: Lowest level that is valid in this unit.
        maximum: Highest level that is valid in this unit.
        levels: Levels trained on by default, or one range ``"LOW:HIGH"``.
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
        target: ``(inputs, clean) -> what the network is to return`` for a batch of pairs.
        usage: The command to go on with after training, with the fields ``{task}``, ``{level}``
            and ``{model}``.
    """

    objective: ClassVar[str]  # what is learned, "restore" or "estimate"
    name: str
    degrade: Callable
    unit: str
    minimum: float
    maximum: float
    levels: tuple[float | str, ...]
    degrade_for_benchmark: Callable | None = None
    degrade_for_training: Callable | None = None
    margin: int = 0
    multiple: Callable[[tuple[float, ...]], int] = lambda levels: 1
    skip: int = 0
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

    def check_level(self, level: float) -> float:
        """Returns the level as a float.

        Raises:
            ValueError: If it is not finite, or beyond the bounds of its unit.
        """
        level = float(level)
        if not (math.isfinite(level) and self.minimum <= level <= self.maximum):
            raise ValueError(
                f"task {self.name}: expected a level ({self.unit}) from {self.minimum:g} to "
                f"{self.maximum:g}, got {level:g}"
            )
        return level


@dataclass(frozen=True, kw_only=True)
class Task(TrainableTask):
    """A degradation that a network undoes at a level. See `TrainableTask` for further fields.

    Args:
        level_offset: With `level_scale`, the affine map to the network's own scalar
            ``(level - level_offset) / level_scale``: about -1..1 over the levels trained on.
        level_scale: See `level_offset`.
        title: What restoring is called in headings; the name by default.
        label: The level in one or two words, for the columns of tables; the unit by default.
        rising: Whether a higher level means more damage, and so more restoration.
        enlarges: Whether the level is a factor by which a small picture is enlarged first.
        preset: Name of the network that ships; empty if none does.
        estimator: Name of the estimator of the level that ships; empty if none does.
        estimator_limit: An estimate at or above this means an undegraded picture.
        whole_levels: Whether estimated levels are rounded to whole numbers.
        level_of_file: ``path -> level``: the level that a file records, as a `JpegQuality`; None
            if it records none.
        level_of_pixels: ``picture -> level``: the level that the pixels, float32 ``(height, width,
            channels)`` in [0, 1], show for certain; None if they show none.
        luma_differs: Whether the luma of a colour picture has another level than its channels.
        strength: Points ``(level, strength)``, levels ascending. Strength is linear between them,
            and shrinking a picture to a scale by averaging multiplies it by that scale. Empty if
            shrinking leaves the level as it is.
        white_gaussian: Whether the degradation adds white Gaussian noise of standard deviation
            ``level``, so that the error can be estimated without the clean picture.
        slider_step: Step of the slider on the page.
        browser: Names of the functions of the page without a server that do in JavaScript what
            fields of this row do in Python: ``"degrade"`` is ``"noise"`` or ``"jpeg"``,
            ``"level_of_file"`` is ``"jpeg"``. Without them the page does not offer it.
        protocols: How figures are measured, the headline's first; by default one, ``"plain"``:
            even crop, then `degrade_for_benchmark` or `degrade`.
        all_levels: Levels of the curves of reports; by default those trained on.
        extrapolated_levels: Further levels of a model's card, beyond those of the curves.
        test_sets: Folders that reports are measured on; by default all folders of the data.
    """

    objective: ClassVar[str] = "restore"
    level_offset: float
    level_scale: float
    title: str = ""
    label: str = ""
    rising: bool = True
    enlarges: bool = False
    preset: str = ""
    estimator: str = ""
    estimator_limit: float = math.inf
    whole_levels: bool = False
    level_of_file: Callable[[Path], Any] | None = None
    level_of_pixels: Callable[[np.ndarray], float | None] | None = None
    luma_differs: bool = False
    strength: tuple[tuple[float, float], ...] = ()
    white_gaussian: bool = False
    slider_step: float = 0.5
    browser: Mapping[str, str] = field(default_factory=dict)
    protocols: tuple[Protocol, ...] = ()
    all_levels: tuple[float, ...] = ()
    extrapolated_levels: tuple[float, ...] = ()
    test_sets: tuple[str, ...] = ()
    target: Callable = lambda inputs, clean: clean
    usage: str = "keras-hyper restore IN OUT --task {task} --level {level} --model {model}"

    def __post_init__(self):
        super().__post_init__()
        if not self.level_scale > 0:
            raise ValueError(
                f"task {self.name}: expected `level_scale` above 0, got {self.level_scale!r}"
            )
        defaults = {
            "title": self.name,
            "label": self.unit,
            "all_levels": parse_levels(None, self).spread(),
        }
        for name, value in defaults.items():
            object.__setattr__(self, name, getattr(self, name) or value)
        if not self.protocols:
            object.__setattr__(self, "protocols", (self._plain_protocol(),))

    def _plain_protocol(self):
        def degrade(clean, level, seed):
            if self.degrade_for_benchmark is not None:
                return np.asarray(self.degrade_for_benchmark(clean, level))
            return np.asarray(self.degrade(clean[None], tf.constant(level, tf.float32), seed)[0])

        return Protocol("plain", "plain: even crop; " + ROUNDED, degrade, self.all_levels)

    def shrunk_level(self, level: float | np.ndarray, scale: float) -> float | np.ndarray:
        """Returns the level, or map of levels, of a picture that is shrunk by averaging.

        Args:
            level: Of the picture.
            scale: New size relative to the old, at most 1.
        """
        if not self.strength:
            return level
        levels, strengths = np.transpose(self.strength)
        strength = np.interp(level, levels, strengths) * scale
        ascending = slice(None, None, 1 if strengths[-1] > strengths[0] else -1)
        shrunk = np.interp(strength, strengths[ascending], levels[ascending])
        return shrunk if np.ndim(level) else float(shrunk)


@dataclass(frozen=True, kw_only=True)
class EstimatorTask(TrainableTask):
    """The estimation of a task's level. See `TrainableTask` for further fields.

    Args:
        estimates: Name of the task whose level is estimated.
        network: Arguments of `LevelEstimator` other than its defaults.
    """

    objective: ClassVar[str] = "estimate"
    estimates: str
    network: Mapping[str, Any] = field(default_factory=dict)
    target: Callable = lambda inputs, clean: inputs["level"]
    usage: str = "keras-hyper estimate IN --model {model}"


TASKS: dict[str, Task] = {}
ESTIMATOR_TASKS: dict[str, EstimatorTask] = {}


def register_task(task: Task | EstimatorTask) -> None:
    """Makes a task known to every command.

    Raises:
        TypeError: If `task` is no `Task` or `EstimatorTask`.
        ValueError: If the name is taken, or an estimator's task is not known.
    """
    if not isinstance(task, (Task, EstimatorTask)):
        raise TypeError(f"expected a Task or an EstimatorTask, got {task!r}")
    if task.name in trainable():
        raise ValueError(f"task {task.name!r} is registered already")
    if isinstance(task, Task):
        TASKS[task.name] = task
    elif task.estimates in TASKS:
        ESTIMATOR_TASKS[task.name] = task
    else:
        raise ValueError(
            f"task {task.name}: expected `estimates` to be one of {', '.join(TASKS)}, "
            f"got {task.estimates!r}"
        )


def trainable() -> list[str]:
    """Returns the names of all that can be trained."""
    return [*TASKS, *ESTIMATOR_TASKS]


def get_task(name: str) -> Task | EstimatorTask:
    """Returns the task of that name.

    Raises:
        ValueError: If none has it; the text lists those that exist.
    """
    if name not in trainable():
        raise ValueError(f"No task {name!r}. Choose one of: {', '.join(trainable())}.")
    return TASKS[name] if name in TASKS else ESTIMATOR_TASKS[name]


def get_protocol(task: Task, name: str | None = None) -> Protocol:
    """Returns a task's protocol by name, by default that of its headline.

    Raises:
        ValueError: If none has that name; the text lists those that exist.
    """
    rows = {row.name: row for row in task.protocols}
    if name and name not in rows:
        raise ValueError(f"No protocol {name!r} of {task.name}. Choose one of: {', '.join(rows)}.")
    return rows[name] if name else task.protocols[0]


def _noise(image, level, seed):
    return add_gaussian_noise(image, level, seed)


def _jpeg(image, level, seed):
    return compress_jpeg(image, level)


def _file_quality(path):
    from pipelines.jpeg_analysis import is_jpeg, jpeg_quality

    return jpeg_quality(path) if is_jpeg(path) else None


def _pixel_quality(picture):
    from pipelines.jpeg_analysis import quality_of_pixels

    return quality_of_pixels(picture)


def _bicubic(image, level, seed):
    # The sides of a training window are no multiples of the factor. The drift that this causes is
    # a property of the benchmark's pictures, not one to be learned.
    return shrink_and_enlarge(image, level, drift=False)


def _bicubic_reference(picture, level):
    return shrink_and_enlarge(picture[None], level)[0]


def _common_multiple(levels):
    # Sides divisible by every factor cause no drift (the authors cut 480x480 windows for this); for
    # 3/2 by 3. Odd factors such as 2.37 would cut too much away: these keep their drift.
    multiple = math.lcm(*(Fraction(level).limit_denominator(1000).numerator for level in levels))
    return multiple if multiple <= 60 else 1


_CURVE = tuple(float(level) for level in range(5, 95, 5))

register_task(
    Task(
        name="denoise",
        title="denoising",
        degrade=_noise,
        degrade_for_training=add_noise_to_learn_from,
        unit="noise sigma on the 0-255 scale",
        label="noise sigma",
        minimum=0.0,
        maximum=255.0,
        levels=(5.0, 25.0, 45.0, 75.0),
        level_offset=40.0,
        level_scale=35.0,
        preset="denoise",
        estimator="estimate",
        luma_differs=True,
        strength=((0.0, 0.0), (255.0, 255.0)),
        white_gaussian=True,
        browser={"degrade": "noise"},
        protocols=NOISE_PROTOCOLS,
        all_levels=_CURVE,
        extrapolated_levels=(3.0, 100.0),
        test_sets=("CBSD68",),
    )
)
register_task(
    Task(
        name="dejpeg",
        title="deJPEG",
        degrade=_jpeg,
        degrade_for_benchmark=compress_jpeg_libjpeg,
        unit="JPEG quality",
        label="JPEG quality",
        minimum=1.0,
        maximum=100.0,
        levels=(10.0, 30.0, 50.0, 80.0),
        level_offset=45.0,
        level_scale=35.0,
        margin=16,
        skip=3,  # of no luma block and no chroma sample a multiple
        rising=False,
        preset="dejpeg",
        estimator="estimate_quality",
        # The estimator answers with this or more for most pictures that never were a JPEG, and
        # restoring gains little there (docs/blind.md).
        estimator_limit=80.0,
        whole_levels=True,
        level_of_file=_file_quality,
        level_of_pixels=_pixel_quality,
        strength=tuple(enumerate(QUALITY_PERCENT.tolist(), 1)),
        browser={"degrade": "jpeg", "level_of_file": "jpeg"},
        protocols=JPEG_PROTOCOLS,
        all_levels=_CURVE,
        extrapolated_levels=(3.0, 95.0),
        test_sets=("LIVE1", "Classic5"),
    )
)
register_task(
    Task(
        name="sr",
        title="super-resolution",
        degrade=_bicubic,
        degrade_for_benchmark=_bicubic_reference,
        unit="enlargement factor",
        label="factor",
        minimum=1.0,
        maximum=8.0,
        levels=(2.0, 3.0, 4.0, 6.0),
        level_offset=4.0,
        level_scale=2.0,
        margin=16,
        multiple=_common_multiple,
        enlarges=True,
        preset="sr",
        slider_step=0.25,
        protocols=BICUBIC_PROTOCOLS,
        all_levels=(2.0, 3.0, 4.0, 5.0, 6.0),
        extrapolated_levels=(1.5, 2.5, 3.5, 4.5, 7.0),
        test_sets=("Set5",),
    )
)
register_task(
    EstimatorTask(
        name="estimate",
        estimates="denoise",
        degrade=add_noise_of_any_file,
        unit="noise sigma on the 0-255 scale",
        minimum=0.0,
        maximum=255.0,
        levels=("0:120",),
    )
)
register_task(
    EstimatorTask(
        name="estimate-quality",
        estimates="dejpeg",
        degrade=recompress_jpeg,
        unit="JPEG quality",
        minimum=1.0,
        maximum=100.0,
        levels=("5:100",),
        # A JPEG leaves far less in a block than rounding leaves in a picture.
        network={"probes": 32, "apart": True, "floor": 1e-6},
        margin=16,
        target=quality_or_none,
        usage="keras-hyper estimate IN --quality-model {model}",
    )
)
