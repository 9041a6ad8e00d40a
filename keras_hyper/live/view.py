"""The part of a picture that a page looks at."""

import math

import numpy as np
from PIL import Image

from keras_hyper.restoration.kinds import split_alpha, to_float, to_type

# Pixels of a view: a large screen's. More would make the slider wait.
MOST_PIXELS = 1 << 23


def checked_box(box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Returns the rows and columns of a view that lie in the picture.

    Args:
        box: Left, top, width and height in pixels.
        shape: Of the picture, height and width first.

    Raises:
        ValueError: If the box is none.
    """
    try:
        left, top, width, height = (int(number) for number in box)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"a box is left, top, width, height. Received: {box!r}") from error
    rows = slice(max(top, 0), min(top + height, shape[0]))
    columns = slice(max(left, 0), min(left + width, shape[1]))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        raise ValueError(f"a box in the picture was wanted. Received: {box!r}")
    return rows, columns


def checked_scale(scale, view: tuple[slice, slice], factor: float = 1.0) -> float:
    """Returns the scale of a view.

    Args:
        scale: Pixels of the screen for one of the picture, above 0 to 1.
        view: Rows and columns.
        factor: How many times larger than the view its restoration is.

    Raises:
        ValueError: If it is none, or would make a view of more than `MOST_PIXELS`.
    """
    scale = float(scale)
    if not 0 < scale <= 1:
        raise ValueError(f"a scale above 0 to 1 was wanted. Received: {scale:g}")
    area = math.prod((side.stop - side.start) * scale * factor for side in view)
    if area > MOST_PIXELS:
        raise ValueError(f"a view of at most {MOST_PIXELS} pixels was wanted. Received: {area:.0f}")
    return scale


def window_of(
    view: tuple[slice, slice], shape: tuple[int, ...], reach: int, multiple: int = 2
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Grows a view by what a network looks at.

    Args:
        view: Its rows and columns.
        shape: Of the picture, height and width first.
        reach: How far an output looks, in pixels.
        multiple: The window begins, and ends where the picture goes on, at a multiple of this: a
            network sees pixels in pairs.

    Returns:
        The window in the picture, and where the view lies in the window.
    """
    starts = [max(side.start - reach, 0) // multiple * multiple for side in view]
    stops = [
        min(-(-(side.stop + reach) // multiple) * multiple, length)
        for side, length in zip(view, shape, strict=False)
    ]
    window = tuple(slice(*ends) for ends in zip(starts, stops, strict=True))
    inside = tuple(
        slice(side.start - start, side.stop - start)
        for side, start in zip(view, starts, strict=True)
    )
    return (window[0], window[1]), (inside[0], inside[1])


def times(view: tuple[slice, slice], factor: float) -> tuple[slice, slice]:
    """Returns where a view lies in a picture that is `factor` times as large."""
    rows, columns = (slice(round(side.start * factor), round(side.stop * factor)) for side in view)
    return rows, columns


def reduced(pixels: np.ndarray, scale: float) -> np.ndarray:
    """Returns pixels averaged to `scale` times their size, of the same type."""
    if scale == 1:
        return pixels
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    # Plane by plane: Pillow knows no 16-bit colour.
    planes = [
        _smaller(plane, (width, height))
        for plane in np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), -1, 0)
    ]
    smaller = np.stack(planes, axis=-1)
    if np.issubdtype(pixels.dtype, np.integer):
        smaller = np.rint(smaller)
    return smaller.astype(pixels.dtype).reshape(*smaller.shape[:2], *pixels.shape[2:])


def _smaller(plane, size):
    picture = Image.fromarray(plane.astype(np.float32))
    return np.asarray(picture.resize(size, Image.Resampling.BOX))


def as_rgba(pixels: np.ndarray) -> np.ndarray:
    """Returns pixels of any kind as a browser paints them: uint8 ``(height, width, 4)``."""
    colours, alpha = split_alpha(pixels)
    shown = np.full((*colours.shape[:2], 4), 255, np.uint8)
    shown[..., :3] = _bytes(colours)
    if alpha is not None:
        shown[..., 3:] = _bytes(alpha)
    return shown


def _bytes(pixels):
    return pixels if pixels.dtype == np.uint8 else to_type(to_float(pixels), np.dtype(np.uint8))
