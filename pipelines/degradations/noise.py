"""White Gaussian noise."""

import tensorflow as tf

from pipelines.color import LUMA
from pipelines.degradations import Array, Level, Seed


def add_gaussian_noise(
    image: Array, level: Level, seed: Seed, clip: bool = True, floor: bool = True
) -> tf.Tensor:
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


def add_noise_for_training(image: Array, level: Level, seed: Seed) -> tf.Tensor:
    """Adds noise, clipped, and floors half of the pictures to 8 bits; the others are rounded.

    A network trained on floored noise alone brightens every picture by half a level, and most
    pictures were never floored.

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


def add_noise_for_estimation(
    image: Array, level: Level, seed: Seed, gray: float = 0.125
) -> tf.Tensor:
    """Adds noise in the several forms that it occurs in, for the training of an estimator.

    Half of the pictures are floored to 8 bits, half are not; all are clipped. Some are gray, with
    the same noise in three equal channels.

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
