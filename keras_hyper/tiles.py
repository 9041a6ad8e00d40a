"""Pictures in tiles that overlap by what a network looks at."""


def tiles(length: int, tile: int, halo: int) -> list[tuple[slice, slice, slice]]:
    """Splits one side of a picture into windows that overlap by what a network looks at.

    All windows but the last have one size, since every new size costs a compilation.

    Args:
        length: The side in pixels.
        tile: How many pixels of it a window adds, even.
        halo: How far an output looks, in pixels, even: cuts lie on even offsets then.

    Returns:
        Rows of three slices: the window to run, the part of the side that it decides, and where
        that part lies in the window.
    """
    size = tile + 2 * halo
    if length <= size:
        return [(slice(0, length), slice(0, length), slice(0, length))]
    count = -(-(length - size) // tile) + 1
    starts = [number * tile for number in range(count - 1)]
    # The last window ends with the picture; where that would be an odd offset it is one longer.
    starts.append((length - size) // 2 * 2)
    cuts = [0, *(number * tile + halo for number in range(1, count)), length]
    rows = []
    for start, first, last in zip(starts, cuts, cuts[1:], strict=False):
        end = length if last == length else start + size
        rows.append((slice(start, end), slice(first, last), slice(first - start, last - start)))
    return rows


def windows(shape: tuple[int, ...], tile: int, halo: int) -> list[tuple[tuple, tuple, tuple]]:
    """Splits a picture into windows, as `tiles` splits a side.

    Args:
        shape: Begins with height and width in pixels.
        tile: Pixels that a window adds each way, even.
        halo: How far an output looks, in pixels, even.

    Returns:
        Rows of three indices of two slices: the window to run, what it decides, and where that
        lies in the window.

    Raises:
        ValueError: If `tile` is odd or below 2.
    """
    if tile < 2 or tile % 2:
        raise ValueError(f"`tile` must be even and at least 2. Received: tile={tile}")
    columns = tiles(shape[1], tile, halo)
    return [
        ((row[0], column[0]), (row[1], column[1]), (row[2], column[2]))
        for row in tiles(shape[0], tile, halo)
        for column in columns
    ]
