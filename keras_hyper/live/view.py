"""The part of a picture that a page looks at."""

import io

import numpy as np
from PIL import Image

from keras_hyper.picture_kinds import split_alpha, to_float, to_type
from keras_hyper.restoration import restore

# Pixels of a view: a large screen's. More would make the slider wait.
MOST_PIXELS = 1 << 22


def checked_box(box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Returns the rows and columns of a view that lie in the picture.

    Args:
        box: Left, top, width and height in pixels.
        shape: Of the picture, height and width first.

    Raises:
        ValueError: If the box is none, or larger than `MOST_PIXELS`.
    """
    try:
        left, top, width, height = (int(number) for number in box)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"a box is left, top, width, height. Received: {box!r}") from error
    rows = slice(max(top, 0), min(top + height, shape[0]))
    columns = slice(max(left, 0), min(left + width, shape[1]))
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    if rows.stop <= rows.start or columns.stop <= columns.start or area > MOST_PIXELS:
        raise ValueError(
            f"a box of 1 to {MOST_PIXELS} pixels in the picture was wanted. Received: {box!r}"
        )
    return rows, columns


def restored_view(pixels: np.ndarray, view: tuple[slice, slice], level: float, model) -> np.ndarray:
    """Restores a view alone, equal to that part of the whole picture restored.

    Args:
        pixels: The picture, as `keras_hyper.restore` takes it.
        view: Its rows and columns.
        level: In the task's unit.
        model: The network.

    Returns:
        The view's pixels, of the picture's type.
    """
    grown, inside = zip(
        *(_with_halo(side, length, model.halo)
          for side, length in zip(view, pixels.shape[:2], strict=True)),
        strict=True,
    )  # fmt: skip
    return restore(pixels[grown], level, model)[inside]


def _with_halo(side, length, halo):
    # An even offset: the network sees pixels in pairs.
    start = max(side.start - halo, 0) // 2 * 2
    stop = min(side.stop + halo, length)
    return slice(start, stop), slice(side.start - start, side.stop - start)


def as_png(pixels: np.ndarray) -> bytes:
    """Returns pixels of any kind as a PNG that a browser shows: 8 bits, alpha kept."""
    colours, alpha = split_alpha(pixels)
    colours = to_type(to_float(colours), np.dtype(np.uint8))
    if colours.ndim == 2:
        colours = colours[..., None]
    if alpha is not None:
        alpha = to_type(to_float(alpha), np.dtype(np.uint8)).reshape(*colours.shape[:2], 1)
        colours = np.concatenate([colours, alpha], axis=-1)
    data = io.BytesIO()
    # Quick rather than small: it does not leave the machine.
    Image.fromarray(colours.squeeze(-1) if colours.shape[-1] == 1 else colours).save(
        data, "PNG", compress_level=1
    )
    return data.getvalue()
