"""Methods without generated kernels: one level, all levels mixed, the level as a channel."""

import keras
from keras import ops

from keras_hyper.methods.kernels import TunedConv2D
from keras_hyper.methods.method import Method, Stage


class Plain(Method):
    """A network for one level, as a dedicated network is."""

    places = ()
    tuning = ()
    stages = (Stage("first", "all", 1.0),)


class Blind(Method):
    """One network for all levels, which does not know the level."""

    places = ()
    tuning = ()


@keras.saving.register_keras_serializable(package="keras_hyper")
class LevelMapConv2D(TunedConv2D):
    """Convolves features with one more channel, which holds the level everywhere.

    A constant channel adds a constant: the sum of its kernel's taps. So it is a bias with a slope,
    also at the border, where the channel holds the level too.

    Reference:
        Zhang et al., FFDNet, IEEE TIP 27 (2018).
    """

    def build_tuning(self, channels):
        shape = (*self.kernel_size, 1, self.filters)
        self.level_kernel = self.variable("level_kernel", shape, self.kernel_initializer)

    @property
    def bias_w(self):
        return ops.sum(self.level_kernel, axis=(0, 1, 2))


class LevelMap(Method):
    """The level is one more channel of the input."""

    places = ("head",)
    layer = LevelMapConv2D
    tuning = ("level_kernel",)
