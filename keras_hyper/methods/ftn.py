"""FTN: a small network that transforms the kernels."""

import math
from typing import Any

import keras
from keras import ops

from keras_hyper.methods.kernels import TunedConv2D
from keras_hyper.methods.method import TWO_ENDS, Method


@keras.saving.register_keras_serializable(package="keras_hyper")
class TransformedConv2D(TunedConv2D):
    """Convolves with ``kernel + level * (transform(kernel) - kernel)``.

    The transform mixes the input channels of a kernel in groups: two 1x1 convolutions, a PReLU
    between them, a skip over both. It begins as the identity.

    Args:
        filters: As of `HyperConv2D`, with all other arguments.
        kernel_size: As of `HyperConv2D`.
        transform_groups: Groups of the 1x1 convolutions; the largest common divisor with the number
            of channels is used.

    Reference:
        Lee et al., Filter Transition Network, arXiv:2003.05145. The authors published no code; this
        follows the description.
    """

    def __init__(self, filters: int, kernel_size: int, transform_groups: int = 16, **kwargs: Any):
        super().__init__(filters, kernel_size, **kwargs)
        self.transform_groups = transform_groups

    def build_tuning(self, channels):
        groups = math.gcd(channels, self.transform_groups)
        side = channels // groups
        start = keras.initializers.RandomNormal(stddev=(2 / side) ** 0.5)
        self.first = self.variable("first", (groups, side, side), start)
        self.negative_slope = self.variable("negative_slope", (groups, side, 1), "ones")
        self.second = self.variable("second", (groups, side, side), "zeros")

    @property
    def w(self):
        groups, side, _ = self.first.shape
        kernel = ops.reshape(self.base_kernel, (-1, groups, side, self.filters))
        hidden = ops.einsum("kgio,gij->kgjo", kernel, self.first)
        hidden = ops.relu(hidden) - self.negative_slope * ops.relu(-hidden)
        return ops.reshape(
            ops.einsum("kgio,gij->kgjo", hidden, self.second), self.base_kernel.shape
        )

    def get_config(self):
        return {**super().get_config(), "transform_groups": self.transform_groups}


class FTN(Method):
    """Transforms the kernels of the blocks and of the skip convolution; biases stay."""

    places = ("conv1", "conv2", "skip")
    layer = TransformedConv2D
    tuning = ("first", "negative_slope", "second")
    stages = TWO_ENDS
