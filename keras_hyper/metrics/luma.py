"""The plane that super-resolution is scored on."""

from keras import ops

from pipelines.color import LIMITED_BLACK, LIMITED_LUMA


def luma(image, rounded=True):
    """Returns Y of BT.601 in the range 16-235 on a scale of [0, 1].

    Args:
        image: ``(..., 3)`` RGB in [0, 1]; gray ``(..., 1)`` is returned as it is.
        rounded: Whether to whole levels, as pictures of bytes have it.

    Returns:
        ``(..., 1)``; rounded, multiples of 1/255.
    """
    if image.shape[-1] == 1:
        return image
    luminance = LIMITED_BLACK + ops.matmul(image, LIMITED_LUMA[:, None])
    return (ops.round(luminance) if rounded else luminance) / 255.0
