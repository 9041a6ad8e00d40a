"""AdaFM: a depthwise convolution after every convolution, times the level."""

from typing import Any

import keras
from keras import ops

from keras_hyper.methods.kernels import TunedConv2D, spread
from keras_hyper.methods.method import TWO_ENDS, Method


@keras.saving.register_keras_serializable(package="keras_hyper")
class ModulatedConv2D(TunedConv2D):
    """Computes ``y + level * (gain * y + shift)`` of the output ``y`` of a convolution.

    ``gain`` is a depthwise kernel. One of 1x1 only scales kernel and bias; a larger one convolves
    the output once more, with zero padding, and has no equal single kernel.

    Args:
        filters: As of `HyperConv2D`, with all other arguments.
        kernel_size: As of `HyperConv2D`.
        modulation: Side of ``gain`` in pixels, odd.

    Reference:
        He, Dong and Qiao, Modulating Image Restoration with Continual Levels, CVPR 2019.
    """

    def __init__(self, filters: int, kernel_size: int, modulation: int = 1, **kwargs: Any):
        super().__init__(filters, kernel_size, **kwargs)
        self.modulation = modulation

    def build_tuning(self, channels):
        side = self.modulation
        self.gain = self.variable("gain", (side, side, self.filters, 1), "zeros")
        self.shift = self.variable("shift", (self.filters,), "zeros")

    @property
    def w(self):
        return self.base_kernel * self._scale()

    @property
    def bias_w(self):
        return self.base_bias * self._scale() + self.shift

    def _scale(self):
        if self.modulation > 1:
            raise ValueError(f"expected a modulation of 1x1, got {self.modulation}")
        return ops.reshape(self.gain, (-1,))

    def call(self, features, level):
        if self.modulation == 1:
            return super().call(features, level)
        features = ops.cast(features, self.compute_dtype)
        outputs = self.convolve(features, self.base_kernel, self.base_bias)
        gain = ops.cast(self.gain, self.compute_dtype)
        tuned = ops.depthwise_conv(outputs, gain, padding="same", data_format="channels_last")
        tuned = tuned + ops.cast(self.shift, self.compute_dtype)
        return outputs + spread(level, self.compute_dtype) * tuned

    def get_config(self):
        return {**super().get_config(), "modulation": self.modulation}


class AdaFM(Method):
    """Modulates every convolution of the blocks and the skip convolution.

    Stages: a network at the first end; then, with it frozen, the modulation at the second.
    The option ``modulation`` is the side of the depthwise kernel; with 1, the default, it merges.
    """

    places = ("conv1", "conv2", "skip")
    layer = ModulatedConv2D
    tuning = ("gain", "shift")
    stages = TWO_ENDS

    def halo(self, blocks: int) -> int:
        """Returns the pixels that depthwise kernels reach beyond the convolutions."""
        return (2 * blocks + 1) * (self.options.get("modulation", 1) // 2)
