"""PnG: one weight tensor, divided among three levels by pruning and growing."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hyper.methods.kernels import OneKernelConv2D
from keras_hyper.methods.method import Method, Stage
from keras_hyper.models.trunk import PLACES

LEVELS = 3


@keras.saving.register_keras_serializable(package="keras_hyper")
class MaskedConv2D(OneKernelConv2D):
    """A convolution with one kernel, of which every level uses a part.

    Level i of 0, 1, 2 uses the weights that levels 0 to i own, and trains its own. A scalar of
    0..1 is rounded to a level. Every level has its bias.
    """

    def build_tuning(self, channels):
        self.owner = keras.layers.Layer.add_weight(
            self,
            name="owner",
            shape=self.base_kernel.shape,
            initializer="zeros",
            trainable=False,
            autocast=False,
        )
        self.biases = self.variable("biases", (LEVELS - 1, self.filters), "zeros")

    def _index(self, level):
        return ops.clip(ops.round(ops.cast(level, "float32") * (LEVELS - 1)), 0, LEVELS - 1)

    def kernel_at(self, level: Any) -> Any:
        """Returns the kernel of one level; the weights of levels below have no gradient."""
        index = self._index(level)
        before = ops.cast(self.owner < index, "float32")
        own = ops.cast(ops.equal(self.owner, index), "float32")
        return ops.stop_gradient(before * self.base_kernel) + own * self.base_kernel

    def bias_at(self, level: Any) -> Any:
        """Returns the bias of one level."""
        biases = ops.concatenate([self.base_bias[None], self.biases])
        return ops.take(biases, ops.cast(self._index(level), "int32"), axis=0)

    def prune(self, index: int, keep: float) -> None:
        """Passes the smallest weights of a level on to the next, which begins with zeros there.

        Args:
            index: Of the level, 0 or 1.
            keep: Share of its weights that stay.
        """
        owner, kernel = (ops.convert_to_numpy(part) for part in (self.owner, self.base_kernel))
        own = owner == index
        limit = np.quantile(np.abs(kernel[own]), 1 - keep)
        freed = own & (np.abs(kernel) < limit)
        self.owner.assign(np.where(freed, index + 1, owner))
        self.base_kernel.assign(np.where(freed, 0.0, kernel))


def _pruned(index, keep):
    def start(network):
        for layer in network.generated_convs:
            layer.prune(index, keep)

    return start


class PnG(Method):
    """Trains at the first level, prunes, trains what is left, freezes it; then the next level.

    Three levels: the weakest, the middle one, the strongest. Made from the description alone, with
    single weights where the authors prune structures.

    Reference:
        Jiang et al., PnG: Micro-structured Prune-and-Grow Networks for Flexible Image Restoration,
        CVPR Workshops 2021.
    """

    places = PLACES
    layer = MaskedConv2D
    tuning = ()
    fixed = ("owner",)
    stages = (
        Stage("first", "all", 0.2),
        Stage("first", "all", 0.13, _pruned(0, 0.5)),
        Stage("middle", "all", 0.2),
        Stage("middle", "all", 0.13, _pruned(1, 0.5)),
        Stage("second", "all", 0.34),
    )
    unit_scalar = True
    merges = False
