"""The part of a picture that is on the screen."""

import math
from typing import Any

import numpy as np
from PIL import Image

from keras_hyper.restoration.kinds import split_alpha, to_float, to_type

# Maximum number of pixels of a view: those of a large screen.
MAX_VIEW_PIXELS = 1 << 23


def checked_box(box: Any, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Returns the rows and columns of a box inside the picture.

    Args:
        box: Left, top, width and height in pixels.
        shape: Of the picture, height and width first.

    Raises:
        ValueError: If it is not a box, or outside the picture.
    """
    try:
        left, top, width, height = (int(number) for number in box)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"expected a box (left, top, width, height), got {box!r}") from error
    rows = slice(max(top, 0), min(top + height, shape[0]))
    columns = slice(max(left, 0), min(left + width, shape[1]))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        raise ValueError(f"expected a box inside the picture, got {box!r}")
    return rows, columns


def checked_scale(scale: Any, view: tuple[slice, slice], factor: float = 1.0) -> float:
    """Returns the scale of a view.

    Args:
        scale: Size of the view relative to the picture, above 0 and at most 1.
        view: Rows and columns.
        factor: Side of the restored view relative to the view.

    Raises:
        ValueError: If it is out of range, or the view has more pixels than `MAX_VIEW_PIXELS`.
    """
    scale = float(scale)
    if not 0 < scale <= 1:
        raise ValueError(f"expected a scale above 0 and at most 1, got {scale:g}")
    area = math.prod((side.stop - side.start) * scale * factor for side in view)
    if area > MAX_VIEW_PIXELS:
        raise ValueError(f"expected a view of at most {MAX_VIEW_PIXELS} pixels, got {area:.0f}")
    return scale


def expand(
    view: tuple[slice, slice], shape: tuple[int, ...], margin: int, multiple: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Expands a view by the margin of a network.

    Args:
        view: Its rows and columns.
        shape: Of the picture, height and width first.
        margin: Margin in pixels.
        multiple: The window starts and ends at multiples of this, or at the picture's edge.

    Returns:
        The window in the picture, and the view in the window.
    """
    starts = [max(side.start - margin, 0) // multiple * multiple for side in view]
    stops = [
        min(-(-(side.stop + margin) // multiple) * multiple, length)
        for side, length in zip(view, shape, strict=False)
    ]
    window = tuple(slice(*ends) for ends in zip(starts, stops, strict=True))
    inside = tuple(
        slice(side.start - start, side.stop - start)
        for side, start in zip(view, starts, strict=True)
    )
    return (window[0], window[1]), (inside[0], inside[1])


def times(view: tuple[slice, slice], factor: float) -> tuple[slice, slice]:
    """Returns a view of a picture in the same picture enlarged by `factor`."""
    rows, columns = (slice(round(side.start * factor), round(side.stop * factor)) for side in view)
    return rows, columns


def shrink(pixels: np.ndarray, scale: float) -> np.ndarray:
    """Returns pixels averaged to `scale` times their size, of the same type."""
    if scale == 1:
        return pixels
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    box = Image.Resampling.BOX
    # Channel by channel: Pillow has no 16-bit colour.
    planes = [
        np.asarray(Image.fromarray(plane.astype(np.float32)).resize((width, height), box))
        for plane in np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), -1, 0)
    ]
    smaller = np.stack(planes, axis=-1)
    if np.issubdtype(pixels.dtype, np.integer):
        smaller = np.rint(smaller)
    return smaller.astype(pixels.dtype).reshape(*smaller.shape[:2], *pixels.shape[2:])


def as_rgba(pixels: np.ndarray) -> np.ndarray:
    """Returns pixels of any kind as a browser shows them: uint8 ``(height, width, 4)``."""
    colours, alpha = split_alpha(pixels)
    shown = np.full((*colours.shape[:2], 4), 255, np.uint8)
    shown[..., :3] = _bytes(colours)
    if alpha is not None:
        shown[..., 3:] = _bytes(alpha)
    return shown


def _bytes(pixels):
    return pixels if pixels.dtype == np.uint8 else to_type(to_float(pixels), np.dtype(np.uint8))
