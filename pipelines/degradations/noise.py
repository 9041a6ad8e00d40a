"""Gaussian noise, as the denoising benchmarks add it."""

import tensorflow as tf

from pipelines.color import LUMA


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


def add_noise_to_learn_from(image, level, seed):
    """Adds noise, clipped, of which the 8 bits are floored in half of the pictures, else rounded.

    A network that has met floored noise alone brightens every picture by the half level that
    flooring takes, and most pictures were never floored.

    Args:
        image: float32 ``(batch, height, width, channels)`` in [0, 1].
        level: Standard deviation on the 0-255 scale, ``()`` or ``(batch,)``.
        seed: Two integers; the same seed gives the same noise.

    Returns:
        float32 of the image's shape.
    """
    noisy = add_gaussian_noise(image, level, seed, floor=False)
    second = tf.random.experimental.stateless_fold_in(seed, 1)
    rounded = tf.random.stateless_uniform((tf.shape(image)[0], 1, 1, 1), second) < 0.5
    return tf.floor(noisy * 255.0 + tf.where(rounded, 0.5, 0.0)) / 255.0


def add_noise_of_any_file(image, level, seed, gray=0.125):
    """Adds Gaussian noise in the several ways that it arrives in: what an estimator must know.

    Half of the pictures are floored to 8 bits, half are not; all are clipped. Some are gray ones in
    three equal channels, whose noise then is the same in all three.

    Args:
        image: float32 ``(batch, height, width, channels)`` in [0, 1].
        level: Standard deviation on the 0-255 scale, ``()`` or ``(batch,)``.
        seed: Two integers; the same seed gives the same noise.
        gray: Share of colour pictures that become gray.

    Returns:
        float32 of the image's shape.
    """
    noisy = add_gaussian_noise(image, level, seed, floor=False)
    second = tf.random.experimental.stateless_fold_in(seed, 1)
    samples = tf.random.stateless_uniform((tf.shape(image)[0], 2, 1, 1, 1), second)
    if image.shape[-1] == 3:
        plain = tf.reduce_sum(image * LUMA, axis=-1, keepdims=True)
        plain = add_gaussian_noise(plain, level, second, floor=False)
        noisy = tf.where(samples[:, 0] < gray, plain, noisy)
    return tf.where(samples[:, 1] < 0.5, tf.floor(noisy * 255.0) / 255.0, noisy)
