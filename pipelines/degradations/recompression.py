"""Pictures that were JPEGs once, in the many forms in which they arrive."""

import tensorflow as tf

from pipelines.degradations.bicubic import shrink_each
from pipelines.degradations.jpeg import compress_jpeg
from pipelines.images import LUMA

# Above this level a picture stays as it was: tables of ones and twos leave next to nothing.
FINEST = 95.0
# Photographs to train on are mostly JPEGs of high quality. Shrunk they are none any more; how soft
# they become has to vary, or softness would tell the quality.
_SHRUNK, _SOFTNESS = (1.35, 2.0), (0.6, 1.2)
# What happened to a picture since: shares, and how much.
_GRAY, _SCALED, _CHANGED = 0.25, 0.35, 0.25
_SCALE, _CONTRAST, _BRIGHTNESS = (1.0, 1.45), (0.8, 1.2), (-0.1, 0.1)


def make_former_jpeg(image, level, seed):
    """Compresses pictures as JPEG, then changes some: what an estimator of quality must know.

    A quarter of the pictures are gray ones in equal channels. After compression a third was shrunk
    to 0.7 of its sides and more, and a quarter changed in brightness and contrast, each with bytes
    after it. What a shrunk picture leaves open is filled with its mirror image.

    Args:
        image: float32 ``(batch, height, width, 1 or 3)`` in [0, 1].
        level: Quality ``()``, 1 to 100. Above `FINEST` nothing is compressed.
        seed: Two integers; the same seed gives the same pictures.

    Returns:
        float32 of the image's shape, multiples of 1/255.
    """
    batch = tf.shape(image)[0]

    def draw(index, bounds=(0.0, 1.0), shape=()):
        own = tf.random.experimental.stateless_fold_in(seed, index)
        return tf.random.stateless_uniform((batch, *shape), own, *bounds)

    picture = shrink_each(image, draw(0, _SHRUNK), draw(1, _SOFTNESS))
    if image.shape[-1] == 3:
        gray = tf.reduce_sum(picture * LUMA, axis=-1, keepdims=True)
        picture = tf.where(draw(2, shape=(1, 1, 1)) < _GRAY, gray, picture)
    picture = _bytes(picture)
    picture = tf.cond(
        tf.cast(level, tf.float32) > FINEST,
        lambda: picture,
        lambda: compress_jpeg(picture, level),
    )
    factor = tf.where(draw(3) < _SCALED, draw(4, _SCALE), 1.0)
    picture = _bytes(shrink_each(picture, factor, draw(5, _SOFTNESS)))
    contrast, brightness = draw(6, _CONTRAST, (1, 1, 1)), draw(7, _BRIGHTNESS, (1, 1, 1))
    changed = _bytes((picture - 0.5) * contrast + 0.5 + brightness)
    picture = tf.where(draw(8, shape=(1, 1, 1)) < _CHANGED, changed, picture)
    return tf.ensure_shape(picture, image.shape)


def quality_or_none(inputs, clean):
    """Returns the qualities ``(batch, k)`` of pairs; 100 where nothing was compressed."""
    return tf.where(inputs["level"] > FINEST, 100.0, inputs["level"])


def _bytes(picture):
    return tf.round(tf.clip_by_value(picture, 0.0, 1.0) * 255.0) / 255.0
