"""Luma of RGB images, on which super-resolution is measured."""

from typing import Any

from keras import ops

from pipelines.color import LIMITED_BLACK, LIMITED_LUMA


def luma(image: Any, rounded: bool = True) -> Any:
    """Returns Y of BT.601 in the range 16-235 on a scale of [0, 1].

    Args:
        image: ``(..., 3)`` RGB in [0, 1]; gray ``(..., 1)`` is returned unchanged.
        rounded: Whether to round to whole levels of 8 bits.

    Returns:
        ``(..., 1)``; rounded, multiples of 1/255.
    """
    if image.shape[-1] == 1:
        return image
    luminance = LIMITED_BLACK + ops.matmul(image, LIMITED_LUMA[:, None])
    return (ops.round(luminance) if rounded else luminance) / 255.0
