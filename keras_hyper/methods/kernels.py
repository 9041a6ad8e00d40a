"""The base of convolutions whose slope and offset are computed from other variables."""

from typing import Any

import keras
from keras import ops

from keras_hyper.layers import HyperConv2D


class TunedConv2D(HyperConv2D):
    """A convolution with one kernel, and further variables that make it depend on the level.

    A subclass creates these in `build_tuning`, and overrides what of ``w``, ``b``, ``bias_w`` and
    ``bias_b`` they change. Without an override the level changes nothing.
    """

    def build(self, features_shape, level_shape=()):
        shape = (*self.kernel_size, features_shape[-1], self.filters)
        self.base_kernel = self.variable("kernel", shape, self.kernel_initializer)
        self.base_bias = self.variable("bias", (self.filters,), self.bias_initializer)
        self.build_tuning(features_shape[-1])

    def build_tuning(self, channels: int) -> None:
        """Creates the variables that carry the level, for features of that many channels."""

    def variable(self, name: str, shape: tuple[int, ...], initializer: Any) -> Any:
        """Returns a new variable, float32 in any precision."""
        return keras.layers.Layer.add_weight(
            self, name=name, shape=shape, initializer=initializer, autocast=False
        )

    @property
    def w(self) -> Any:
        """The slope of the kernel, float32 ``(rows, columns, in, out)``."""
        return ops.zeros_like(self.base_kernel)

    @property
    def b(self) -> Any:
        """The kernel at a scalar of 0."""
        return self.base_kernel

    @property
    def bias_w(self) -> Any:
        """The slope of the bias, float32 ``(out,)``."""
        return ops.zeros_like(self.base_bias)

    @property
    def bias_b(self) -> Any:
        """The bias at a scalar of 0."""
        return self.base_bias


class OneKernelConv2D(TunedConv2D):
    """A convolution whose kernel is not affine in the level; a subclass has `kernel_at`.

    The level is ``()``, or ``(batch,)`` with a convolution for each image.
    """

    def call(self, features, level):
        features, level = ops.cast(features, self.compute_dtype), ops.cast(level, "float32")
        if len(level.shape) > 1:
            raise ValueError(
                f"expected one level for an image, since {type(self).__name__} is not affine in "
                f"it, got {tuple(level.shape)}"
            )
        if len(level.shape) == 0:
            return self.convolve(features, self.kernel_at(level), self.bias_at(level))

        def one(pair):
            x, scalar = pair
            return self.convolve(x[None], self.kernel_at(scalar), self.bias_at(scalar))[0]

        return ops.map(one, (features, level))


def spread(level: Any, dtype: str) -> Any:
    """Returns a scalar ``()``, ``(batch,)`` or ``(batch, height, width)`` to multiply features."""
    level = ops.cast(level, dtype)
    if len(level.shape) == 0:
        return level
    return ops.reshape(level, (-1, 1, 1, 1)) if len(level.shape) == 1 else level[..., None]
