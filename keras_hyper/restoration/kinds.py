"""Kinds of pictures: gray, colour and alpha, 8 and 16 bits and floats, for any network."""

import math
import warnings
from collections.abc import Callable

import numpy as np

from pipelines.color import luma


def checked_picture(picture: np.ndarray) -> np.ndarray:
    """Returns a picture as an array, if it is one.

    Args:
        picture: ``(height, width)`` or ``(height, width, 1 to 4)``; uint8, uint16, or float in
            [0, 1].

    Raises:
        ValueError: If it is of another shape, type or range.
    """
    picture = np.asarray(picture)
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 2, 3, 4)):
        raise ValueError(
            "expected a picture of shape (height, width) or (height, width, 1 to 4), "
            f"got {picture.shape}"
        )
    if picture.size == 0:
        raise ValueError(f"expected a picture with pixels, got shape {picture.shape}")
    if picture.dtype in (np.uint8, np.uint16):
        return picture
    if not np.issubdtype(picture.dtype, np.floating):
        raise ValueError(f"expected uint8, uint16 or float pixels, got {picture.dtype}")
    low, high = float(picture.min()), float(picture.max())
    # A little beyond is what filters and interpolation leave; a 0-255 float picture is not.
    if not (low >= -0.5 and high <= 1.5):
        raise ValueError(f"expected float pixels in [0, 1], got {low:g} to {high:g}")
    return picture


def checked_level(level, shape: tuple[int, ...], trained_on, unit: str) -> np.ndarray:
    """Returns a level as float32: one number, or a map of a picture's shape.

    Args:
        level: In the task's unit.
        shape: Height and width of the picture.
        trained_on: Lowest and highest level trained on; a level beyond them causes a warning.
        unit: What a level of 1 means, in words.

    Raises:
        ValueError: If it is of another shape, negative or not finite.
    """
    level = np.asarray(level, np.float32)
    if level.ndim != 0 and level.shape != shape:
        raise ValueError(
            f"expected one level or a map of the picture's shape {shape}, got shape {level.shape}"
        )
    low, high = float(level.min()), float(level.max())
    if not (math.isfinite(low) and math.isfinite(high) and low >= 0):
        raise ValueError(f"expected a finite level of at least 0, got {low:g} to {high:g}")
    if low < trained_on[0] or high > trained_on[1]:
        warnings.warn(
            f"level {low:g}{f' to {high:g}' if high > low else ''} is outside the range trained "
            f"on, {trained_on[0]:g} to {trained_on[1]:g} ({unit})",
            stacklevel=3,
        )
    return level


def split_alpha(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns ``(height, width, 1 | 3)`` and alpha ``(height, width, 1)`` or None."""
    pixels = picture.reshape(*picture.shape[:2], -1)
    if pixels.shape[-1] in (2, 4):
        return pixels[..., :-1], pixels[..., -1:]
    return pixels, None


def through_channels(
    image: np.ndarray, channels: int, run: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Restores gray by a colour network or colour by a gray one, where they differ.

    Args:
        image: float32 ``(height, width, 1 | 3)`` in [0, 1].
        channels: Those of the network, 1 or 3.
        run: The network: ``(height, width, channels) -> (..., height, width, channels)``.

    Returns:
        float32 ``(..., height, width, 1 | 3)``. Gray goes through as three equal channels; of
        colour the luma is restored. The output of the network is clipped to [0, 1] before it is
        mixed, as every signature of an export clips it, so that both give the same picture.
    """
    colours = image.shape[-1]
    if colours == channels:
        return run(image)
    if colours == 1:
        return luma(np.clip(run(np.repeat(image, 3, axis=-1)), 0.0, 1.0))
    # Adding one number to all three colours changes the luma and leaves the chroma.
    gray = luma(image)
    return image + (np.clip(run(gray), 0.0, 1.0) - gray)


def to_float(pixels: np.ndarray) -> np.ndarray:
    """Returns pixels as float32 in [0, 1]."""
    if np.issubdtype(pixels.dtype, np.floating):
        return np.clip(pixels, 0.0, 1.0).astype(np.float32)
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def to_type(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Returns float pixels in a picture's type: clipped, and rounded where it holds integers."""
    image = np.clip(image, 0.0, 1.0)
    if np.issubdtype(dtype, np.floating):
        return image.astype(dtype)
    return np.rint(image * np.float32(np.iinfo(dtype).max)).astype(dtype)
