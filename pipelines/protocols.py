"""Protocols: how pictures are degraded and scored, so that figures can be compared."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

ROUNDED = "result clipped and rounded to 8 bits; PSNR and SSIM on all channels, border 0"


@dataclass(frozen=True)
class Protocol:
    """One way to degrade pictures and to score the results.

    Args:
        name: Its name on the command line.
        text: Printed beside every figure: everything that the figure depends on.
        degrade: ``(clean, level, seed) -> degraded``, pictures float32 ``(height, width,
            channels)``, clean ones multiples of 1/255; `seed` is two integers.
        levels: The columns of the table.
        channels: 1 for gray, 3 for RGB; None for those of the network.
        gray: How colour becomes gray: ``"full"`` is round(0.299 R + 0.587 G + 0.114 B),
            ``"limited"`` is Y of BT.601 in 16-235, rounded.
        multiple: ``level -> pixels``: pictures are cropped to sides that are multiples of this
            before they are degraded.
        even_last: Whether both pictures are cropped to even sides after that.
        psnr_on: What PSNR is computed on: ``"picture"`` for all channels, ``"luma"`` for Y of
            BT.601 in 16-235, rounded, ``"exact luma"`` for the same, not rounded.
        ssim_on: What SSIM is computed on, likewise.
        border: ``level -> pixels`` that are not scored on each side.
        whole_levels: Whether levels must be whole numbers.
    """

    name: str
    text: str
    degrade: Callable
    levels: tuple[Any, ...]
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
            ValueError: If the protocol takes whole levels only and this is a fraction.
        """
        if self.whole_levels and not float(level).is_integer():
            raise ValueError(f"protocol {self.name}: expected a whole level, got {level:g}")
        return level


def _noise(clip, floor):
    def degrade(clean, level, seed):
        from pipelines.degradations.noise import add_gaussian_noise

        noisy = add_gaussian_noise(clean[None], np.float32(level), seed, clip, floor)
        return noisy[0].numpy()

    return degrade


def _jpeg(clean, level, seed):
    from pipelines.degradations.jpeg import compress_jpeg_libjpeg

    return compress_jpeg_libjpeg(clean, level).numpy()


def _bicubic(**options):
    def degrade(clean, level, seed):
        from pipelines.degradations.bicubic import shrink_and_enlarge

        return shrink_and_enlarge(clean[None], level, **options)[0].numpy()

    return degrade


def _noise_and_jpeg(clean, level, seed):
    return _jpeg(_noise(clip=True, floor=False)(clean, level[0], seed), level[1], seed)


def _one(level):
    return 1


_SIGMAS = (5.0, 25.0, 45.0, 65.0, 90.0)
_QUALITIES = (10.0, 30.0, 50.0, 70.0, 80.0)
_FACTORS = (2.0, 3.0, 4.0, 5.0, 6.0)
_LIBJPEG = "libjpeg with default settings, accurate inverse DCT"

# The first protocol of each task is its default.
NOISE_PROTOCOLS = (
    Protocol(
        "paper",
        "paper: RGB (gray for a gray network), crop to even sides, noise clipped and floored to 8 "
        "bits; " + ROUNDED,
        _noise(clip=True, floor=True),
        _SIGMAS,
    ),
    Protocol(
        "clipped",
        "clipped: RGB (gray for a gray network), crop to even sides, noise clipped to [0, 1], not "
        "quantised; " + ROUNDED,
        _noise(clip=True, floor=False),
        _SIGMAS,
    ),
    Protocol(
        "literature",
        "literature: RGB (gray for a gray network), no crop, noise neither clipped nor "
        "quantised; " + ROUNDED,
        _noise(clip=False, floor=False),
        _SIGMAS,
        multiple=_one,
    ),
)
JPEG_PROTOCOLS = (
    Protocol(
        "paper",
        "paper: gray = round(0.299 R + 0.587 G + 0.114 B), crop to even sides, then JPEG of gray "
        f"by {_LIBJPEG}; {ROUNDED}",
        _jpeg,
        _QUALITIES,
        channels=1,
        whole_levels=True,
    ),
    Protocol(
        "colour",
        f"colour: RGB, no crop, JPEG with 4:2:0 chroma by {_LIBJPEG}; {ROUNDED}",
        _jpeg,
        _QUALITIES,
        channels=3,
        multiple=_one,
        whole_levels=True,
    ),
    Protocol(
        "literature",
        "literature (as AR-CNN): gray = Y of BT.601 in 16-235, rounded, no crop, then JPEG of "
        f"gray by {_LIBJPEG}; {ROUNDED}",
        _jpeg,
        _QUALITIES,
        channels=1,
        gray="limited",
        multiple=_one,
        whole_levels=True,
    ),
)
NOISE_AND_JPEG_PROTOCOLS = (
    Protocol(
        "colour",
        "colour: RGB (gray for a gray network), no crop, noise clipped and rounded to 8 bits, then "
        f"JPEG, of RGB with 4:2:0 chroma, by {_LIBJPEG}; {ROUNDED}",
        _noise_and_jpeg,
        tuple(itertools.product((15.0, 25.0, 50.0), (10.0, 40.0, 80.0))),
        multiple=_one,
    ),
)
BICUBIC_PROTOCOLS = (
    Protocol(
        "paper",
        "paper: OpenCV bicubic without antialiasing, shrunk by the exact factor and enlarged again "
        "in 8 bits (with drift if it does not divide a side), crop to even sides; PSNR on Y "
        "(16-235, rounded), SSIM on RGB, border 0",
        _bicubic(),
        _FACTORS,
        channels=3,
        multiple=_one,
        even_last=True,
        psnr_on="luma",
    ),
    Protocol(
        "registered",
        "registered: crop to multiples of the factor, OpenCV bicubic without antialiasing in 8 "
        "bits, no drift, crop to even sides; PSNR on Y (16-235, rounded), SSIM on RGB, border 0",
        _bicubic(drift=False),
        _FACTORS,
        channels=3,
        multiple=int,
        even_last=True,
        psnr_on="luma",
        whole_levels=True,
    ),
    Protocol(
        "literature",
        "literature: crop to multiples of the factor, MATLAB's antialiased bicubic in 8 bits; PSNR "
        "and SSIM on Y (16-235, not rounded), border of as many pixels as the factor not scored",
        _bicubic(antialias="matlab"),
        _FACTORS,
        channels=3,
        multiple=int,
        psnr_on="exact luma",
        ssim_on="exact luma",
        border=int,
        whole_levels=True,
    ),
)
