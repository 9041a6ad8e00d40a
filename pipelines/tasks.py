"""The tasks: what degrades a picture, in which unit, and how levels reach the network."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from pipelines.degradations.bicubic import shrink_and_enlarge
from pipelines.degradations.jpeg import (
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


@dataclass(frozen=True)
class Task:
    """One kind of degradation.

    Args:
        name: What the command line calls it.
        degrade: ``(image, level, seed) -> degraded``: a batch float32 ``(batch, height, width,
            channels)`` in [0, 1] at one level ``()``, as tensor code that runs on any device.
        unit: What the level is, in words.
        minimum: Lowest level that means anything.
        maximum: Highest level that means anything.
        levels: Levels trained on by default, or one range ``"LOW:HIGH"``.
        level_offset: With `level_scale`, the affine map to the network's own scalar
            ``(level - level_offset) / level_scale``: about -1..1 over the levels trained on.
        level_scale: See `level_offset`.
        degrade_for_benchmark: ``(picture, level) -> degraded`` for one picture ``(height, width,
            channels)``: the reference implementation. None if every call gives another result.
        degrade_for_training: As `degrade`, for training patches, if real pictures are more varied
            than the benchmark's. None if they are not.
        margin: Pixels around a patch that its degradation depends on.
        multiple: ``levels -> pixels``: the sides that whole pictures are cut to a multiple of.
        skip: Rows and columns that are left out at the top and left of pictures to learn from. Most
            photographs are JPEGs: compressed again on the grid of their own blocks they change
            far less than a picture that never was one.
        enlarges: Whether the level is a factor that a small picture is enlarged by first.
        rising: Whether a higher level means more damage, and so more restoration.
        objective: What is learned: ``"restore"`` or ``"estimate"``.
        estimates: Name of the task whose level an estimator estimates.
        target: ``(inputs, clean) -> what the network is to give back`` for a batch of pairs.
    """

    name: str
    degrade: Callable
    unit: str
    minimum: float
    maximum: float
    levels: tuple[float | str, ...]
    level_offset: float
    level_scale: float
    degrade_for_benchmark: Callable | None = None
    degrade_for_training: Callable | None = None
    margin: int = 0
    multiple: Callable[[tuple[float, ...]], int] = lambda levels: 1
    skip: int = 0
    enlarges: bool = False
    rising: bool = True
    objective: str = "restore"
    estimates: str = ""
    target: Callable = lambda inputs, clean: clean

    def check_level(self, level: float) -> float:
        """Returns the level as a float.

        Raises:
            ValueError: If it is outside any sense: not finite, or beyond the unit's own bounds.
        """
        level = float(level)
        if not (math.isfinite(level) and self.minimum <= level <= self.maximum):
            raise ValueError(
                f"The level of {self.name} is a {self.unit}, "
                f"{self.minimum:g} to {self.maximum:g}. Received: {level:g}"
            )
        return level


def _noise(image, level, seed):
    return add_gaussian_noise(image, level, seed)


def _jpeg(image, level, seed):
    return compress_jpeg(image, level)


def _bicubic(image, level, seed):
    # A window is no whole picture: its sides are no multiples of the factor, and the drift that
    # this causes belongs to the benchmark's pictures, not to what is to be learned.
    return shrink_and_enlarge(image, level, drift=False)


def _bicubic_whole(picture, level):
    return shrink_and_enlarge(picture[None], level)[0]


def _common_multiple(levels):
    # Sides divisible by every factor leave no drift (the authors cut 480x480 windows for this); of
    # 3/2 by 3. Odd factors such as 2.37 would cut too much away, and are left their drift.
    multiple = math.lcm(*(Fraction(level).limit_denominator(1000).numerator for level in levels))
    return multiple if multiple <= 60 else 1


TASKS = {
    task.name: task
    for task in (
        Task(
            name="denoise",
            degrade=_noise,
            degrade_for_training=add_noise_to_learn_from,
            unit="noise sigma on the 0-255 scale",
            minimum=0.0,
            maximum=255.0,
            levels=(5.0, 25.0, 45.0, 75.0),
            level_offset=40.0,
            level_scale=35.0,
        ),
        Task(
            name="dejpeg",
            degrade=_jpeg,
            unit="JPEG quality",
            minimum=1.0,
            maximum=100.0,
            levels=(10.0, 30.0, 50.0, 80.0),
            level_offset=45.0,
            level_scale=35.0,
            degrade_for_benchmark=compress_jpeg_libjpeg,
            margin=16,
            skip=3,  # of no luma block and no chroma sample a multiple
            rising=False,
        ),
        Task(
            name="sr",
            degrade=_bicubic,
            unit="enlargement factor",
            minimum=1.0,
            maximum=8.0,
            levels=(2.0, 3.0, 4.0, 6.0),
            level_offset=4.0,
            level_scale=2.0,
            degrade_for_benchmark=_bicubic_whole,
            margin=16,
            multiple=_common_multiple,
            enlarges=True,
        ),
    )
}


# What is trained but restores nothing: the level itself is told.
LEVEL_TASKS = {
    task.name: task
    for task in (
        Task(
            name="estimate",
            degrade=add_noise_of_any_file,
            unit="noise sigma on the 0-255 scale",
            minimum=0.0,
            maximum=255.0,
            levels=("0:120",),
            level_offset=0.0,
            level_scale=255.0,
            objective="estimate",
            estimates="denoise",
            target=lambda inputs, clean: inputs["level"],
        ),
        Task(
            name="estimate-quality",
            degrade=recompress_jpeg,
            unit="JPEG quality",
            minimum=1.0,
            maximum=100.0,
            levels=("5:100",),
            level_offset=0.0,
            level_scale=100.0,
            margin=16,
            rising=False,
            objective="estimate",
            estimates="dejpeg",
            target=quality_or_none,
        ),
    )
}


def trainable() -> list[str]:
    """Returns the names of all that can be trained."""
    return [*TASKS, *LEVEL_TASKS]


def get_task(name: str) -> Task:
    """Returns the task of that name.

    Raises:
        ValueError: If there is none; the text lists those there are.
    """
    if name not in trainable():
        raise ValueError(f"No task {name!r}. Choose one of: {', '.join(trainable())}.")
    return {**TASKS, **LEVEL_TASKS}[name]
