"""Gaussian noise, as the denoising benchmarks add it."""

import tensorflow as tf


def add_gaussian_noise(image, level, seed, clip=True, floor=True):
    """Adds white Gaussian noise, independent in every pixel and channel.

    Args:
        image: float32 ``(batch, height, width, channels)`` in [0, 1].
        level: Standard deviation on the 0-255 scale, ``()`` or ``(batch,)``.
        seed: Two integers; the same seed gives the same noise.
        clip: Whether the result is clipped to [0, 1], as a picture file would be.
        floor: Whether it is floored to 8 bits, as the authors' script writes its pictures.

    Returns:
        float32 of the image's shape.

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, section 4 (the noise of Table 2).
    """
    sigma = tf.reshape(tf.cast(level, tf.float32) / 255.0, (-1, 1, 1, 1))
    noisy = image + sigma * tf.random.stateless_normal(tf.shape(image), seed)
    if clip:
        noisy = tf.clip_by_value(noisy, 0.0, 1.0)
    return tf.floor(noisy * 255.0) / 255.0 if floor else noisy
