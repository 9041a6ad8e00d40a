"""White Gaussian noise."""

import tensorflow as tf

from pipelines.degradations import Array, Level, Seed


def add_gaussian_noise(
    image: Array, level: Level, seed: Seed, clip: bool = True, floor: bool = True
) -> tf.Tensor:
    """Adds white Gaussian noise, independent in every pixel and channel.

    An image of three equal channels is gray and stays so: its channels get the same noise.

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
    noisy = image + sigma * same_in_gray(tf.random.stateless_normal(tf.shape(image), seed), image)
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


def add_noise_for_estimation(image: Array, level: Level, seed: Seed) -> tf.Tensor:
    """Adds noise, clipped, and floors half of the pictures to 8 bits; the others are not rounded.

    Args:
        image: float32 ``(batch, height, width, channels)`` in [0, 1].
        level: Standard deviation on the 0-255 scale, ``()`` or ``(batch,)``.
        seed: Two integers; the same seed gives the same noise.

    Returns:
        float32 of the image's shape.
    """
    noisy = add_gaussian_noise(image, level, seed, floor=False)
    second = tf.random.experimental.stateless_fold_in(seed, 1)
    floored = tf.random.stateless_uniform((tf.shape(image)[0], 1, 1, 1), second) < 0.5
    return tf.where(floored, tf.floor(noisy * 255.0) / 255.0, noisy)


def is_gray(image: Array) -> tf.Tensor:
    """Returns which images of a batch have equal channels, as bool ``(batch, 1, 1, 1)``."""
    return tf.reduce_all(tf.equal(image, image[..., :1]), axis=(1, 2, 3), keepdims=True)


def same_in_gray(noise: tf.Tensor, image: Array) -> tf.Tensor:
    """Returns the noise, with that of the first channel in all channels of gray images.

    Args:
        noise: float32 ``(batch, height, width, channels)``.
        image: Of the same shape.
    """
    return tf.where(is_gray(image), noise[..., :1], noise)
