"""Kinds of pictures: gray, colour and alpha, 8 and 16 bits and floats, for any network."""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipelines.color import luma


def checked_picture(picture: np.ndarray) -> np.ndarray:
    """Returns a picture as an array of a supported shape, type and range.

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
    # Filters and interpolation overshoot [0, 1] a little; pixels in 0-255 are refused.
    if not (low >= -0.5 and high <= 1.5):
        raise ValueError(f"expected float pixels in [0, 1], got {low:g} to {high:g}")
    return picture


def checked_level(
    level: float | np.ndarray, shape: tuple[int, ...], level_range: Sequence[Any], unit: str
) -> np.ndarray:
    """Returns a level as float32 ``()``, or a map of a picture's shape; of several axes of each.

    Args:
        level: In the task's unit.
        shape: Height and width of the picture.
        level_range: Lowest and highest level trained on, or such a pair for each of several axes;
            a level outside it causes a warning.
        unit: The unit of a level, in words.

    Raises:
        ValueError: If it is of another shape, negative or not finite.
    """
    level = np.asarray(level, np.float32)
    axes = np.shape(level_range)[:-1]
    if axes and level.shape not in (axes, (*shape, *axes)):
        raise ValueError(f"expected {axes[0]} levels ({unit}), got shape {level.shape}")
    if not axes and level.ndim != 0 and level.shape != shape:
        raise ValueError(
            f"expected one level or a map of the picture's shape {shape}, got shape {level.shape}"
        )
    low, high = float(level.min()), float(level.max())
    if not (math.isfinite(low) and math.isfinite(high) and low >= 0):
        raise ValueError(f"expected a finite level of at least 0, got {low:g} to {high:g}")
    outside = outside_range(level, level_range)
    if outside:
        warnings.warn(f"{outside} ({unit})", stacklevel=3)
    return level


def outside_range(level: float | np.ndarray, level_range: Sequence[Any]) -> str:
    """Returns a message if levels are outside the range trained on, else an empty string.

    Args:
        level: One, or a map; of several axes with their number as the last axis.
        level_range: Lowest and highest level trained on, or such a pair for each axis.
    """
    pairs = level_range if np.ndim(level_range) == 2 else [level_range]
    by_axis = np.reshape(level, (-1, len(pairs))).T
    for levels, (lowest, highest) in zip(by_axis, pairs, strict=True):
        low, high = float(np.min(levels)), float(np.max(levels))
        if not (lowest <= low and high <= highest):
            got = f"{low:g} to {high:g}" if high > low else f"{low:g}"
            return f"level {got} is outside the range trained on, {lowest:g} to {highest:g}"
    return ""


def split_alpha(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns ``(height, width, 1 | 3)`` and alpha ``(height, width, 1)`` or None."""
    pixels = picture.reshape(*picture.shape[:2], -1)
    if pixels.shape[-1] in (2, 4):
        return pixels[..., :-1], pixels[..., -1:]
    return pixels, None


def fill_transparent(picture: np.ndarray) -> np.ndarray:
    """Gives transparent pixels the mean colour of the nearest others, which a network then sees.

    Args:
        picture: Of any kind; without transparent pixels it is returned as it is.

    Returns:
        A picture of the same shape and type: means over squares of 2, 4, 8 ... pixels.
    """
    colour, alpha = split_alpha(picture)
    if alpha is None or alpha.all() or not alpha.any():
        return picture
    weight = (alpha > 0).astype(np.float32)
    scales = [(colour * weight, weight)]
    while max(scales[-1][1].shape) > 1:
        height, width = (side + side % 2 for side in scales[-1][1].shape[:2])
        padded = [np.zeros((height, width, part.shape[2]), np.float32) for part in scales[-1]]
        for whole, part in zip(padded, scales[-1], strict=True):
            whole[: part.shape[0], : part.shape[1]] = part
        scales.append((_halved(padded[0]), _halved(padded[1])))
    filled = scales[-1][0] / scales[-1][1]
    for total, weight in reversed(scales[:-1]):
        filled = filled.repeat(2, 0).repeat(2, 1)[: total.shape[0], : total.shape[1]]
        filled = np.where(weight > 0, total / np.maximum(weight, 1), filled)
    filled = np.where(alpha > 0, colour, filled.astype(picture.dtype))
    return np.concatenate([filled, alpha], axis=-1)


def _halved(part):
    return part[::2, ::2] + part[1::2, ::2] + part[::2, 1::2] + part[1::2, 1::2]


def through_channels(
    image: np.ndarray, channels: int, run: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Restores a gray or colour image by a network of either kind.

    Args:
        image: float32 ``(height, width, 1 | 3)`` in [0, 1].
        channels: Channels of the network, 1 or 3.
        run: The network: ``(height, width, channels) -> (..., height, width, channels)``.

    Returns:
        float32 ``(..., height, width, 1 | 3)``. A colour network restores gray as
        three equal channels; a gray network restores the luma of colour. In both cases the output
        is clipped to [0, 1] first, as the signatures of an export clip it.
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
    """Returns float pixels in a type: clipped to [0, 1], and rounded for integers."""
    image = np.clip(image, 0.0, 1.0)
    if np.issubdtype(dtype, np.floating):
        return image.astype(dtype)
    return np.rint(image * np.float32(np.iinfo(dtype).max)).astype(dtype)
