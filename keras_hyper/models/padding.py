"""Sizes: padding to a multiple and cropping back."""

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
    # Of numbers that are not negative: a conversion to ONNX takes the remainder of others wrongly.
    index = ops.arange((side + multiple - 1) // multiple * multiple)
    last = side - 1
    # Triangle wave with period 2 * last; a single pixel repeats (its period would be 0).
    period = ops.maximum(2 * last, 1)
    index = index % period
    return ops.take(
        image, ops.minimum(ops.where(index > last, period - index, index), last), axis=axis
    )
