"""A non-linear generator: kernels from an embedding of the layer and the level."""

from typing import Any

import keras
from keras import ops

from keras_hyper.methods.kernels import OneKernelConv2D
from keras_hyper.methods.method import Method


@keras.saving.register_keras_serializable(package="keras_hyper")
class KernelGenerator(keras.layers.Layer):
    """Makes the kernels of several layers: a small MLP, then two linear maps.

    Args:
        kernel_shape: ``(rows, columns, in, out)``.
        size: Of the embedding of a layer, of the hidden layer, and of what an input channel has.

    Call arguments:
        embedding: ``(size,)``, of a layer.
        level: ``()``.

    Output shape:
        `kernel_shape`, float32.

    Reference:
        Ha, Dai and Le, HyperNetworks, arXiv:1609.09106, whose generator takes no level.
    """

    def __init__(self, kernel_shape: tuple[int, ...], size: int = 32, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.kernel_shape, self.size = tuple(kernel_shape), size

    def build(self, embedding_shape=None, level_shape=()):
        rows, columns, channels, filters = self.kernel_shape
        size, taps = self.size, rows * columns * filters
        # Kernels begin with the variance of He's, times 0.3^2, as those of other methods.
        last = keras.initializers.RandomNormal(
            stddev=0.3 * (2 / (rows * columns * channels)) ** 0.5
        )
        shapes = {
            "hidden": ((size + 1, size), "he_normal"),
            "hidden_bias": ((size,), "zeros"),
            "embedded": ((size, size), "lecun_normal"),
            "inner": ((size, channels * size), "lecun_normal"),
            "outer": ((size, taps), last),
        }
        for name, (shape, start) in shapes.items():
            weight = self.add_weight(name=name, shape=shape, initializer=start, autocast=False)
            setattr(self, name, weight)

    def call(self, embedding, level):
        rows, columns, channels, filters = self.kernel_shape
        inputs = ops.concatenate([embedding, ops.reshape(level, (1,))])[None]
        hidden = ops.relu(inputs @ self.hidden + self.hidden_bias)
        # The embedding itself passes beside the MLP, as in the original.
        mixed = embedding[None] + hidden @ self.embedded
        inner = ops.reshape(mixed @ self.inner, (channels, self.size))
        kernel = ops.reshape(inner @ self.outer, (channels, rows, columns, filters))
        return ops.transpose(kernel, (1, 2, 0, 3))

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_shape": self.kernel_shape,
            "size": self.size,
        }


@keras.saving.register_keras_serializable(package="keras_hyper")
class EmbeddedConv2D(OneKernelConv2D):
    """A convolution whose kernel a `KernelGenerator` makes; its bias is `level * slope + offset`.

    Args:
        filters: As of `HyperConv2D`, with all other arguments.
        kernel_size: As of `HyperConv2D`.
        generator: Shared by several layers; None for a new one.
        **kwargs: As of `HyperConv2D`.
    """

    def __init__(self, filters: int, kernel_size: int, generator: Any = None, **kwargs: Any):
        super().__init__(filters, kernel_size, **kwargs)
        self.generator = generator

    def build(self, features_shape, level_shape=()):
        shape = (*self.kernel_size, features_shape[-1], self.filters)
        if self.generator is None:
            self.generator = KernelGenerator(shape)
        if not self.generator.built:
            self.generator.build()
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.embedding = self.variable("embedding", (self.generator.size,), start)
        self.base_bias = self.variable("bias", (self.filters,), "zeros")
        self.shift = self.variable("shift", (self.filters,), "zeros")

    @property
    def base_kernel(self) -> Any:
        """The kernel at a scalar of 0."""
        return self.kernel_at(0.0)

    def kernel_at(self, level: Any) -> Any:
        """Returns the kernel of one level, float32 ``(rows, columns, in, out)``."""
        return self.generator(self.embedding, ops.cast(level, "float32"))

    @property
    def bias_w(self):
        return self.shift


class Generator(Method):
    """The kernels of the blocks come from one small non-linear network.

    The option ``size`` is that of its embeddings, 32 by default.
    """

    layer = EmbeddedConv2D
    tuning = ()
    merges = False

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.generators: dict[int, KernelGenerator] = {}

    def conv_at(self, place: str, filters: int, kernel_size: int, **kwargs: Any) -> Any:
        """Returns a convolution; those of one width share a generator."""
        if filters not in self.generators:
            shape = (kernel_size, kernel_size, filters, filters)
            self.generators[filters] = KernelGenerator(shape, **self.options)
        generator = self.generators[filters]
        return self.layer(filters, kernel_size, generator=generator, **kwargs)
