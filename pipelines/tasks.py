"""The tasks: one row holds every fact about a task.

`TASKS` are restored by a network at a level; `ESTIMATOR_TASKS` train a network that estimates the
level of one of `TASKS`. `register_task` adds a row at run time.
"""

import functools
import importlib
import itertools
import math
from collections.abc import Callable
from fractions import Fraction

from pipelines.jpeg_analysis import is_jpeg, jpeg_quality, quality_of_pixels
from pipelines.jpeg_tables import QUALITY_PERCENT
from pipelines.protocols import (
    BICUBIC_PROTOCOLS,
    JPEG_PROTOCOLS,
    NOISE_AND_JPEG_PROTOCOLS,
    NOISE_PROTOCOLS,
    Protocol,
)
from pipelines.task import AxesTask, EstimatorTask, LevelAxis, Task

TASKS: dict[str, Task] = {}
ESTIMATOR_TASKS: dict[str, EstimatorTask] = {}


def register_task(task: Task | EstimatorTask) -> None:
    """Makes a task known to every command.

    Raises:
        TypeError: If `task` is no `Task` or `EstimatorTask`.
        ValueError: If the name is taken.
    """
    if not isinstance(task, (Task, EstimatorTask)):
        raise TypeError(f"expected a Task or an EstimatorTask, got {task!r}")
    if task.name in trainable():
        raise ValueError(f"task {task.name!r} is registered already")
    if isinstance(task, Task):
        TASKS[task.name] = task
    else:
        ESTIMATOR_TASKS[task.name] = task


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


def _degradation(module: str, name: str) -> Callable:
    """A function of `pipelines.degradations`, imported at its first call.

    Whoever restores needs no degradation, and TensorFlow takes seconds to import.
    """

    # TensorFlow, which rewrites what it traces, leaves a cached function alone.
    @functools.cache
    def function():
        return getattr(importlib.import_module(f"pipelines.degradations.{module}"), name)

    return lambda *args, **kwargs: function()(*args, **kwargs)


def _common_multiple(levels):
    # Sides divisible by every factor cause no drift (the authors cut 480x480 windows for this); for
    # 3/2 by 3. Odd factors such as 2.37 would cut too much away: these keep their drift.
    multiple = math.lcm(*(Fraction(level).limit_denominator(1000).numerator for level in levels))
    return multiple if multiple <= 60 else 1


_compress = _degradation("jpeg", "compress_jpeg")
_shrink = _degradation("bicubic", "shrink_and_enlarge")
_CURVE = tuple(float(level) for level in range(5, 95, 5))

register_task(
    Task(
        name="denoise",
        title="denoising",
        choice="White noise",
        degrade=_degradation("noise", "add_gaussian_noise"),
        degrade_for_training=_degradation("noise", "add_noise_for_training"),
        unit="noise sigma on the 0-255 scale",
        label="noise sigma",
        minimum=0.0,
        maximum=255.0,
        levels=(5.0, 25.0, 45.0, 75.0),
        level_offset=40.0,
        level_scale=35.0,
        preset="denoise",
        gray_preset="denoise_gray",
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
        choice="JPEG damage",
        degrade=lambda image, level, seed: _compress(image, level),
        degrade_for_benchmark=_degradation("jpeg", "compress_jpeg_libjpeg"),
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
        gray_preset="dejpeg_gray",
        estimator="estimate_quality",
        # The estimator answers with more for most pictures that never were a JPEG, and restoring
        # gains little there (docs/blind.md).
        estimator_limit=79.5,
        # Finer artifacts are hard to see at full size.
        automatic=75.0,
        whole_levels=True,
        level_of_file=lambda path: jpeg_quality(path) if is_jpeg(path) else None,
        level_of_pixels=quality_of_pixels,
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
        choice="Few pixels",
        # The sides of a training window are no multiples of the factor. The drift that this causes
        # is a property of the benchmark's pictures, not one to be learned.
        degrade=lambda image, level, seed: _shrink(image, level, drift=False),
        degrade_for_benchmark=lambda picture, level: _shrink(picture[None], level)[0],
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
        browser={"degrade": "shrink"},
        protocols=BICUBIC_PROTOCOLS,
        all_levels=(2.0, 3.0, 4.0, 5.0, 6.0),
        extrapolated_levels=(1.5, 2.5, 3.5, 4.5, 7.0),
        test_sets=("Set5",),
    )
)
register_task(
    Task(
        name="photo",
        title="photographs",
        choice="Camera noise",
        listed_first=True,
        degrade=_degradation("camera", "add_camera_noise"),
        degrade_for_training=_degradation("camera", "add_noise_near_level"),
        unit="deviation of the noise at middle gray on the 0-255 scale",
        label="camera noise",
        minimum=0.0,
        maximum=255.0,
        levels=(1.0, 3.0, 7.0, 15.0, 40.0),
        level_offset=20.5,
        level_scale=19.5,
        preset="photo",
        estimator="estimate_photo",
        # Of pictures without noise the estimator answers with less than this for two in three,
        # and with more for fine texture (docs/photographs.md).
        estimator_limit=1.5,
        automatic=3.5,
        # Shrinking removes less of correlated noise; this is the case of white noise.
        strength=((0.0, 0.0), (255.0, 255.0)),
        browser={"degrade": "camera"},
        all_levels=(2.0, 5.0, 10.0, 20.0, 40.0),
        extrapolated_levels=(60.0,),
        test_sets=("LIVE1",),
    )
)
register_task(
    AxesTask(
        name="denoise+dejpeg",
        title="denoising and deJPEG",
        choice="Noise and JPEG",
        preset="denoise_dejpeg",
        degrade=_degradation("jpeg", "add_noise_and_compress"),
        axes=(
            LevelAxis(name="noise", unit="noise sigma on the 0-255 scale", minimum=0.0,
                      maximum=255.0, levels=("0:50",), single_task=TASKS["denoise"],
                      estimator="estimate_noise_in_jpeg"),
            LevelAxis(name="jpeg", unit="JPEG quality", minimum=1.0, maximum=100.0,
                      levels=("10:100",), single_task=TASKS["dejpeg"]),
        ),
        margin=16,
        skip=3,
        browser={"degrade": "noise jpeg"},
        protocols=NOISE_AND_JPEG_PROTOCOLS,
        all_levels=tuple(itertools.product((0.0, 5.0, 15.0, 25.0, 50.0), (10.0, 20.0, 40.0, 80.0))),
        test_sets=("CBSD68",),
    )
)  # fmt: skip
register_task(
    EstimatorTask(
        name="estimate-photo",
        of=TASKS["photo"],
        degrade=_degradation("camera", "add_camera_noise"),
        levels=("0:40",),
        # Texture resembles the noise of cameras: a compromise (docs/photographs.md).
        network={"rank": 2},
        usage="keras-hyper restore IN OUT --task photo --level auto --estimator {model}",
    )
)
register_task(
    EstimatorTask(
        name="estimate",
        of=TASKS["denoise"],
        degrade=_degradation("noise", "add_noise_for_estimation"),
        levels=("0:120",),
        gray=0.125,
        usage="keras-hyper estimate IN --model {model}",
    )
)
register_task(
    EstimatorTask(
        name="estimate-quality",
        of=TASKS["dejpeg"],
        degrade=_degradation("jpeg", "recompress_jpeg"),
        levels=("5:100",),
        # A JPEG leaves far less in a block than rounding leaves in a picture.
        network={"probes": 32, "apart": True, "floor": 1e-6},
        margin=16,
        gray=0.0,  # the degradation makes some gray, after shrinking
        target=_degradation("jpeg", "target_quality"),
        usage="keras-hyper estimate IN --quality-model {model}",
    )
)
register_task(
    EstimatorTask(
        name="estimate-noise-in-jpeg",
        of=TASKS["denoise+dejpeg"],
        axis="noise",
        degrade=_degradation("jpeg", "add_noise_and_compress"),
        # As of the quality: what JPEG left is read from the same energies.
        network={"probes": 32, "apart": True, "floor": 1e-6},
        margin=16,
        usage="keras-hyper restore IN OUT --task denoise+dejpeg --model RUN --estimator {model}",
    )
)
