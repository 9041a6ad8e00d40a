"""Pixel shuffle: channels become pixels."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_hyper")
class DepthToSpace(keras.layers.Layer):
    """Moves groups of ``block_size ** 2`` channels into squares of pixels.

    Channel ``(row * block_size + column) * out + c`` goes to pixel ``(row, column)`` of a square,
    the order of ``tf.nn.depth_to_space`` (PyTorch's pixel shuffle has ``c`` outermost).

    Args:
        block_size: Side of the square in pixels, at least 2.

    Call arguments:
        features: ``(batch, height, width, channels)``, channels divisible by ``block_size ** 2``.

    Output shape:
        ``(batch, height * block_size, width * block_size, channels / block_size ** 2)``.

    Raises:
        ValueError: If `block_size` is below 2 or does not fit the channels.

    Reference:
        Shi et al., arXiv:1609.05158 (the sub-pixel convolution).
    """

    def __init__(self, block_size: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        if block_size < 2:
            raise ValueError(f"expected a `block_size` of at least 2, got {block_size=}")
        self.block_size = block_size

    def build(self, features_shape):
        if features_shape[-1] % self.block_size**2:
            raise ValueError(
                f"expected channels divisible by {self.block_size**2}, got {features_shape=}"
            )

    def compute_output_shape(self, features_shape):
        batch, *sides, channels = features_shape
        larger = (side and side * self.block_size for side in sides)
        return (batch, *larger, channels // self.block_size**2)

    def call(self, features):
        return ops.depth_to_space(features, self.block_size, data_format="channels_last")

    def get_config(self):
        return {**super().get_config(), "block_size": self.block_size}
