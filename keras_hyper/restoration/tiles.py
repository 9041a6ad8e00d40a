"""Overlapping tiles, which give the same result as the whole picture."""

import functools
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from keras_hyper.restoration.kinds import (
    checked_level,
    checked_picture,
    split_alpha,
    through_channels,
    to_float,
    to_type,
)


class NetworkFacts(Protocol):
    """Facts of a network that tiling needs."""

    channels: int
    unit: str
    level_range: tuple[Any, ...]
    halo: int
    multiple: int


def restore_in_tiles(
    picture: np.ndarray,
    level: float | np.ndarray,
    network: NetworkFacts,
    run: Callable[..., np.ndarray],
    *,
    tile: int = 512,
    on_tile: Callable[[int, int], None] = lambda done, count: None,
) -> np.ndarray:
    """Restores a picture of any kind, tile by tile.

    Args:
        picture: See `keras_hyper.restore`.
        level: See `keras_hyper.restore`.
        network: Facts of the network.
        run: ``(image, level=level) -> restored``: image float32 ``(h, w, channels)`` in [0, 1],
            level as `level`, of the tile.
        tile: Tile size in pixels without the margin, a multiple of `network.multiple`.
        on_tile: Called with the tiles done and their number.

    Returns:
        A picture of the same shape and type.

    Raises:
        ValueError: If picture, level or tile is not as above.
    """
    pixels, alpha = split_alpha(checked_picture(picture))
    levels = checked_level(level, picture.shape[:2], network.level_range, network.unit)
    restored = np.empty_like(pixels)
    rows = windows(pixels.shape, tile, network.halo, network.multiple)
    for done, (window, kept, inside) in enumerate(rows, 1):
        here = levels[window] if levels.ndim > 1 else levels
        image = to_float(pixels[window])
        result = through_channels(image, network.channels, functools.partial(run, level=here))
        restored[kept] = to_type(result[inside], pixels.dtype)
        on_tile(done, len(rows))
    if alpha is not None:
        restored = np.concatenate([restored, alpha], axis=-1)
    return restored.reshape(picture.shape)


def tiles(length: int, tile: int, halo: int, multiple: int = 2) -> list[tuple[slice, slice, slice]]:
    """Splits one side of a picture into windows that overlap by the margin of a network.

    All windows but the last have the same size: a new size may cost a compilation.

    Args:
        length: The side in pixels.
        tile: Maximum tile size in pixels without the margin, a multiple of `multiple`.
        halo: Margin in pixels that determines an output pixel, a multiple of `multiple`.
        multiple: Windows start at multiples of this.

    Returns:
        Rows of three slices: the input window, its part of the output, and that part in
        coordinates of the window.
    """
    size = tile + 2 * halo
    if length <= size:
        return [(slice(0, length), slice(0, length), slice(0, length))]
    count = -(-(length - size) // tile) + 1
    # The smallest windows of that number: less of the picture is restored twice.
    tile = -(-(length - 2 * halo) // (count * multiple)) * multiple
    size = tile + 2 * halo
    starts = [number * tile for number in range(count - 1)]
    # The last window ends with the picture. Rounding its start down makes it a little longer.
    starts.append((length - size) // multiple * multiple)
    cuts = [0, *(number * tile + halo for number in range(1, count)), length]
    rows = []
    for start, first, last in zip(starts, cuts, cuts[1:], strict=False):
        end = length if last == length else start + size
        rows.append((slice(start, end), slice(first, last), slice(first - start, last - start)))
    return rows


def windows(
    shape: tuple[int, ...], tile: int, halo: int, multiple: int = 2
) -> list[tuple[tuple, tuple, tuple]]:
    """Splits a picture into windows.

    Args:
        shape: Height and width in pixels come first.
        tile: See `tiles`.
        halo: See `tiles`.
        multiple: See `tiles`.

    Returns:
        Rows as of `tiles`, with one slice for each of both sides.

    Raises:
        ValueError: If `tile` is no positive multiple of `multiple`.
    """
    if tile < 2 or tile % multiple:
        raise ValueError(f"`tile` must be a positive multiple of {multiple}, got tile={tile}")
    columns = tiles(shape[1], tile, halo, multiple)
    return [
        ((row[0], column[0]), (row[1], column[1]), (row[2], column[2]))
        for row in tiles(shape[0], tile, halo, multiple)
        for column in columns
    ]
