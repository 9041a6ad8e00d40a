"""Sizes: padding to a multiple and cropping back; tiles that overlap."""

from keras import ops


def pad_to_multiple(image, multiple):
    """Pads below and to the right by reflection until both sides are multiples.

    Args:
        image: ``(batch, height, width, channels)``; sides may be unknown while tracing.
        multiple: At least 1.

    Returns:
        The padded image and a function that crops ``(batch, height', width', channels)`` back to
        the image's height and width.
    """
    shape = ops.shape(image)
    height, width = shape[1], shape[2]
    padded = image
    for axis in (1, 2):
        padded = _reflected(padded, axis, shape[axis], multiple)
    if padded is image:
        return image, lambda result: result
    return padded, lambda result: result[:, :height, :width]


def _reflected(image, axis, side, multiple):
    if isinstance(side, int) and side % multiple == 0:
        return image
    index = ops.arange(side + (-side) % multiple)
    last = side - 1
    # Triangle wave with period 2 * last; a single pixel repeats (its period would be 0).
    period = ops.maximum(2 * last, 1)
    index = index % period
    return ops.take(
        image, ops.minimum(ops.where(index > last, period - index, index), last), axis=axis
    )


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
