"""Bicubic shrinking and enlarging, as matrices: tensor code for any factor and device."""

import tensorflow as tf

from pipelines.degradations import Array, Level
from pipelines.enlarging import cubic_kernel

_ANTIALIASED = (None, "matlab", "pillow")


def shrink_and_enlarge(
    image: Array, level: Level, antialias: str | None = None, drift: bool = True
) -> tf.Tensor:
    """Shrinks by a factor and enlarges to the old size, with 8 bits after each step.

    Args:
        image: float32 ``(batch, height, width, channels)`` in [0, 1].
        level: The factor ``()``, 1 to 8, fractions too.
        antialias: None for the authors' choice, OpenCV's kernel (a = -0.75) of four taps at every
            factor. ``"matlab"`` for the literature's, a = -0.5 and as wide as the factor, with
            reflected edges; ``"pillow"`` for the same with the kernel cut at the edges and 8 bits
            between the two directions.
        drift: Whether shrinking steps by exactly the factor, as OpenCV does for a given factor. If
            a side is no multiple of it, the content is then stretched, by up to two pixels at the
            far edge. (MATLAB also steps exactly when enlarging, which undoes this; Pillow never
            steps exactly.) False steps by the ratio of the sizes.

    Returns:
        float32 of the image's shape, multiples of 1/255.

    Raises:
        ValueError: If `antialias` is none of these.

    Reference:
        Keys, IEEE TASSP 29 (1981), for the kernel; measured against OpenCV and Pillow in the tests.
    """
    if antialias not in _ANTIALIASED:
        raise ValueError(f"expected `antialias` to be one of {_ANTIALIASED}, got {antialias!r}")
    level = tf.cast(level, tf.float32)
    shape = tf.shape(image)
    sides = shape[1], shape[2]
    # Rounds half to even, as OpenCV does for the size; MATLAB rounds up.
    whole = tf.math.ceil if antialias == "matlab" else tf.round
    small = [tf.maximum(tf.cast(whole(tf.cast(side, tf.float32) / level), tf.int32), 1)
             for side in sides]  # fmt: skip
    exact = level if drift and antialias != "pillow" else None
    back = 1.0 / level if drift and antialias == "matlab" else None
    shrunk = _resize(image, sides, small, exact, antialias)
    enlarged = _resize(shrunk, small, sides, back, antialias)
    return tf.ensure_shape(enlarged, image.shape)


def shrink_each(image: Array, factor: Array, softness: Array) -> tf.Tensor:
    """Shrinks each picture of a batch by its own factor; its mirror image fills the frame.

    Args:
        image: float32 ``(batch, height, width, channels)`` in [0, 1].
        factor: ``(batch,)``, 1 to 2; pictures come back as they were at 1.
        softness: ``(batch,)``, how wide the antialiasing kernel is, in units of the factor; never
            narrower than that of interpolation.

    Returns:
        float32 of the image's shape, neither rounded nor clipped.
    """
    width = tf.maximum(factor * softness, 1.0)[:, None, None]
    width = tf.where(factor[:, None, None] > 1.0, width, 1.0)
    rows, columns = (
        _wide(side, _centres(side, factor[:, None]), width, reflected=True)
        for side in tf.unstack(tf.shape(image)[1:3])
    )
    pixels = tf.einsum("bxw,bhwc->bhxc", columns, image)
    return tf.einsum("byh,bhxc->byxc", rows, pixels)


def _resize(image, old, new, step, antialias):
    rows = _weights(old[0], new[0], step, antialias)
    columns = _weights(old[1], new[1], step, antialias)
    pixels = tf.round(image * 255.0)
    # Columns first, as OpenCV: with weights in 1/2048 the sums stay exact in float32.
    pixels = tf.einsum("xw,bhwc->bhxc", columns, pixels)
    if antialias == "pillow":
        pixels = tf.clip_by_value(tf.floor(pixels + 0.5), 0.0, 255.0)
    pixels = tf.einsum("yh,bhxc->byxc", rows, pixels)
    return tf.clip_by_value(tf.floor(pixels + 0.5), 0.0, 255.0) / 255.0


def _weights(old, new, step, antialias):
    """The matrix ``(new, old)`` that resamples one side."""
    ratio = tf.cast(old, tf.float32) / tf.cast(new, tf.float32)
    step = ratio if step is None else step
    centre = _centres(new, step)
    if antialias is not None:
        return _wide(old, centre, tf.maximum(step, 1.0), reflected=antialias == "matlab")
    first = tf.floor(centre)
    matrix = tf.zeros((new, old))
    for tap in (-1.0, 0.0, 1.0, 2.0):
        # Eleven bits, as OpenCV holds its weights for bytes; beyond the edge the edge repeats.
        weight = tf.round(cubic_kernel(centre - first - tap, -0.75, tf.where) * 2048.0) / 2048.0
        place = tf.clip_by_value(tf.cast(first + tap, tf.int32), 0, old - 1)
        matrix += weight[:, None] * tf.one_hot(place, old)
    return matrix


def _centres(new, step):
    """Where the new samples lie among the old ones."""
    return (tf.range(tf.cast(new, tf.float32)) + 0.5) * step - 0.5


def _wide(old, centre, width, reflected):
    """The matrix ``(new, old)``, or one a picture, of a kernel that is `width` times as wide."""
    last = tf.cast(old, tf.float32)
    places = tf.range(last)[None]
    weights = cubic_kernel((places - centre[..., None]) / width, -0.5, tf.where)
    if reflected:
        # What lies beyond an edge is the picture turned over, its first and last sample doubled.
        for mirrored in (-1.0 - places, 2.0 * last - 1.0 - places):
            weights += cubic_kernel((mirrored - centre[..., None]) / width, -0.5, tf.where)
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)
