"""The protocols: what exactly is measured when a figure is to be compared with another."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from pipelines.degradations.bicubic import shrink_and_enlarge
from pipelines.degradations.jpeg import compress_jpeg_libjpeg
from pipelines.degradations.noise import add_gaussian_noise
from pipelines.tasks import Task


@dataclass(frozen=True)
class Protocol:
    """One way to degrade pictures and to score what becomes of them.

    Args:
        task: Name of the task.
        name: What the command line calls it.
        text: Printed beside every figure: all that changes a digit.
        degrade: ``(clean, level, seed) -> degraded``, pictures float32 ``(height, width,
            channels)``, clean ones multiples of 1/255; `seed` is two integers.
        levels: The columns of the paper's table.
        channels: 1 for gray, 3 for RGB; None for what the network takes.
        gray: How gray is made of colour: ``"full"`` is round(0.299 R + 0.587 G + 0.114 B),
            ``"limited"`` is Y of BT.601 in 16-235, rounded.
        multiple: ``level -> pixels``: the sides that pictures are cut to a multiple of before they
            are degraded.
        even_last: Whether both pictures are cut to even sides after that.
        psnr_on: Plane of the PSNR: ``"picture"`` as it is, ``"luma"`` for Y of BT.601 in 16-235 in
            whole levels, ``"exact luma"`` for the same unrounded.
        ssim_on: Plane of the SSIM, the same words.
        border: ``level -> pixels`` that are not scored on each side.
        whole_levels: Whether levels are whole numbers alone.
    """

    task: str
    name: str
    text: str
    degrade: Callable
    levels: tuple[float, ...]
    channels: int | None = None
    gray: str = "full"
    multiple: Callable[[float], int] = lambda level: 2
    even_last: bool = False
    psnr_on: str = "picture"
    ssim_on: str = "picture"
    border: Callable[[float], int] = lambda level: 0
    whole_levels: bool = False

    def check_level(self, level: float) -> float:
        """Returns the level.

        Raises:
            ValueError: If this protocol has whole levels alone and this is none.
        """
        if self.whole_levels and not float(level).is_integer():
            raise ValueError(
                f"The {self.name} protocol of {self.task} has whole levels. Received: {level:g}"
            )
        return level


def _noise(clip, floor):
    def degrade(clean, level, seed):
        noisy = add_gaussian_noise(clean[None], np.float32(level), seed, clip, floor)
        return noisy[0].numpy()

    return degrade


def _jpeg(clean, level, seed):
    return compress_jpeg_libjpeg(clean, level).numpy()


def _bicubic(**how):
    def degrade(clean, level, seed):
        return shrink_and_enlarge(clean[None], level, **how)[0].numpy()

    return degrade


def _one(level):
    return 1


def _factor(level):
    return int(level)


# Every level of the field's tables; a factor of 6 is the paper's last.
ALL_LEVELS = {
    "denoise": tuple(float(level) for level in range(5, 95, 5)),
    "dejpeg": tuple(float(level) for level in range(5, 95, 5)),
    "sr": (2.0, 3.0, 4.0, 5.0, 6.0),
}
_NOISE_LEVELS = (5.0, 25.0, 45.0, 65.0, 90.0)
_QUALITIES = (10.0, 30.0, 50.0, 70.0, 80.0)
_ROUNDED = "result clipped and rounded to 8 bits; PSNR and SSIM on the picture as it is, border 0"
_LIBJPEG = "libjpeg at its defaults, accurate inverse DCT"

_ROWS = (
    Protocol(
        "denoise",
        "paper",
        "paper: RGB (gray for a gray network), even crop, noise clipped and floored to 8 bits; "
        + _ROUNDED,
        _noise(clip=True, floor=True),
        _NOISE_LEVELS,
    ),
    Protocol(
        "denoise",
        "clipped",
        "clipped: RGB (gray for a gray network), even crop, noise clipped to [0, 1], not "
        "quantised; " + _ROUNDED,
        _noise(clip=True, floor=False),
        _NOISE_LEVELS,
    ),
    Protocol(
        "denoise",
        "literature",
        "literature: RGB (gray for a gray network), whole frame, noise neither clipped nor "
        "quantised; " + _ROUNDED,
        _noise(clip=False, floor=False),
        _NOISE_LEVELS,
        multiple=_one,
    ),
    Protocol(
        "dejpeg",
        "paper",
        "paper: gray = round(0.299 R + 0.587 G + 0.114 B), even crop, then JPEG of that plane by "
        f"{_LIBJPEG}; {_ROUNDED}",
        _jpeg,
        _QUALITIES,
        channels=1,
        whole_levels=True,
    ),
    Protocol(
        "dejpeg",
        "colour",
        f"colour: RGB, whole frame, JPEG with 4:2:0 chroma by {_LIBJPEG}; {_ROUNDED}",
        _jpeg,
        _QUALITIES,
        channels=3,
        multiple=_one,
        whole_levels=True,
    ),
    Protocol(
        "dejpeg",
        "literature",
        "literature (the ARCNN line): gray = Y of BT.601 in 16-235, rounded, whole frame, then "
        f"JPEG of that plane by {_LIBJPEG}; {_ROUNDED}",
        _jpeg,
        _QUALITIES,
        channels=1,
        gray="limited",
        multiple=_one,
        whole_levels=True,
    ),
    Protocol(
        "sr",
        "paper",
        "paper: OpenCV bicubic without antialiasing, down by exactly the factor and up to the old "
        "size in 8 bits (content drifts where a side is no multiple), even crop; PSNR on Y "
        "(16-235, rounded), SSIM on RGB, border 0",
        _bicubic(),
        ALL_LEVELS["sr"],
        channels=3,
        multiple=_one,
        even_last=True,
        psnr_on="luma",
    ),
    Protocol(
        "sr",
        "registered",
        "registered: sides cut to multiples of the factor, OpenCV bicubic without antialiasing in "
        "8 bits, no drift, even crop; PSNR on Y (16-235, rounded), SSIM on RGB, border 0",
        _bicubic(drift=False),
        ALL_LEVELS["sr"],
        channels=3,
        multiple=_factor,
        even_last=True,
        psnr_on="luma",
        whole_levels=True,
    ),
    Protocol(
        "sr",
        "literature",
        "literature: sides cut to multiples of the factor, antialiased bicubic as MATLAB has it in "
        "8 bits; PSNR and SSIM on Y (16-235, not rounded), border of the factor's pixels left out",
        _bicubic(antialias="matlab"),
        ALL_LEVELS["sr"],
        channels=3,
        multiple=_factor,
        psnr_on="exact luma",
        ssim_on="exact luma",
        border=_factor,
        whole_levels=True,
    ),
)
PROTOCOLS = {(row.task, row.name): row for row in _ROWS}


def protocol_names(task: str) -> list[str]:
    """Returns the names of a task's protocols, the headline first."""
    return [row.name for row in _ROWS if row.task == task] or ["plain"]


def get_protocol(task: Task, name: str | None = None) -> Protocol:
    """Returns a task's protocol by name, by default that of its headline.

    A task without a row of its own has one, ``"plain"``: even crop, then what the task does.

    Raises:
        ValueError: If there is none of that name; the text lists those there are.
    """
    names = protocol_names(task.name)
    name = name or names[0]
    if name not in names:
        raise ValueError(f"No protocol {name!r} of {task.name}. Choose one of: {', '.join(names)}.")
    return PROTOCOLS.get((task.name, name)) or _plain(task)


def _plain(task):
    def degrade(clean, level, seed):
        if task.degrade_for_benchmark is not None:
            return np.asarray(task.degrade_for_benchmark(clean, level))
        return np.asarray(task.degrade(clean[None], tf.constant(level, tf.float32), seed)[0])

    return Protocol(task.name, "plain", "plain: even crop; " + _ROUNDED, degrade, task.levels)
