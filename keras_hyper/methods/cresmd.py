"""CResMD: residual branches scaled by the level."""

import keras

from keras_hyper.methods.kernels import TunedConv2D
from keras_hyper.methods.method import Method


@keras.saving.register_keras_serializable(package="keras_hyper")
class ScaledConv2D(TunedConv2D):
    """Computes ``(gain * level + offset) * y`` of the output ``y`` of a convolution, by channel.

    ``offset`` begins as zero, so that a scalar of 0 removes the residual branch.

    Reference:
        He, Dong and Qiao, Interactive Multi-Dimension Modulation with Dynamic Controllable Residual
        Learning, ECCV 2020.
    """

    def build_tuning(self, channels):
        # A tenth of He's for one input.
        start = keras.initializers.RandomNormal(stddev=0.1 * 2**0.5)
        self.gain = self.variable("gain", (self.filters,), start)
        self.offset = self.variable("offset", (self.filters,), "zeros")

    @property
    def w(self):
        return self.base_kernel * self.gain

    @property
    def b(self):
        return self.base_kernel * self.offset

    @property
    def bias_w(self):
        return self.base_bias * self.gain

    @property
    def bias_b(self):
        return self.base_bias * self.offset


class CResMD(Method):
    """Scales the second convolution of every block, and the last one; all levels at once.

    The trunk here keeps its long skip, and every patch has all k levels, not one that is sampled.
    """

    places = ("conv2", "tail")
    layer = ScaledConv2D
    # None: without them every branch is zero, and so is its gradient. A stage must train all.
    tuning = ()
    unit_scalar = True
