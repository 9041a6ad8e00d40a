"""Tiles that overlap by the margin that a network needs."""


def tiles(length: int, tile: int, halo: int, multiple: int = 2) -> list[tuple[slice, slice, slice]]:
    """Splits one side of a picture into windows that overlap by the margin of a network.

    All windows but the last have one size, since every new size costs a compilation.

    Args:
        length: The side in pixels.
        tile: Tile size in pixels without the margin, a multiple of `multiple`.
        halo: Margin in pixels that determines an output pixel, a multiple of `multiple`.
        multiple: Windows start at multiples of this.

    Returns:
        Rows of three slices: the window to run, the part of the side that it decides, and where
        that part lies in the window.
    """
    size = tile + 2 * halo
    if length <= size:
        return [(slice(0, length), slice(0, length), slice(0, length))]
    count = -(-(length - size) // tile) + 1
    starts = [number * tile for number in range(count - 1)]
    # The last window ends with the picture, and is a little longer where its start is rounded down.
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
    """Splits a picture into windows, as `tiles` splits a side.

    Args:
        shape: Begins with height and width in pixels.
        tile: As in `tiles`.
        halo: As in `tiles`.
        multiple: As in `tiles`.

    Returns:
        Rows of three indices of two slices: the window to run, what it decides, and where that
        lies in the window.

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
