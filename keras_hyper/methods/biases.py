"""Biases that depend on the level, and kernels that do not."""

import keras

from keras_hyper.methods.kernels import TunedConv2D
from keras_hyper.methods.method import Method


@keras.saving.register_keras_serializable(package="keras_hyper")
class BiasedConv2D(TunedConv2D):
    """Convolves with one kernel and the bias ``bias + level * shift``."""

    def build_tuning(self, channels):
        self.shift = self.variable("shift", (self.filters,), "zeros")

    @property
    def bias_w(self):
        return self.shift


class Biases(Method):
    """The biases of the blocks alone depend on the level: 128 parameters a block."""

    layer = BiasedConv2D
    tuning = ("shift",)
