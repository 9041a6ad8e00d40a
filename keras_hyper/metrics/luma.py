"""The plane that super-resolution is scored on."""

from keras import ops


def luma(image):
    """Returns Y of BT.601 in the range 16-235, rounded to whole levels, on a scale of [0, 1].

    Args:
        image: ``(..., 3)`` RGB in [0, 1]; gray ``(..., 1)`` is returned as it is.

    Returns:
        ``(..., 1)``, multiples of 1/255.
    """
    if image.shape[-1] == 1:
        return image
    weights = ops.convert_to_tensor([[65.481], [128.553], [24.966]], "float32")
    return ops.round(16.0 + ops.matmul(image, weights)) / 255.0
