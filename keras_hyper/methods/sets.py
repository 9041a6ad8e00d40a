"""Methods of several kernel sets, combined by the level: three sets, RCD."""

from typing import Any

import keras
from keras import ops

from keras_hyper.layers import HyperConv2D
from keras_hyper.methods.kernels import spread
from keras_hyper.methods.method import Method

BASES = ("powers", "hats")


@keras.saving.register_keras_serializable(package="keras_hyper")
class KernelSetsConv2D(HyperConv2D):
    """Convolves with ``sum_i factor_i(level) * kernel_i``, and a bias alike.

    Args:
        filters: As of `HyperConv2D`, with all other arguments.
        kernel_size: As of `HyperConv2D`.
        sets: Number of kernels.
        basis: ``"powers"``: the factors are 1, level, level^2, ...; two sets are `HyperConv2D`.
            ``"hats"``: set i alone counts at a level of i / sets, i from 1, with linear factors
            between, and none at 0; levels are clipped to 0..1.
    """

    def __init__(
        self, filters: int, kernel_size: int, sets: int = 3, basis: str = "powers", **kwargs: Any
    ):
        super().__init__(filters, kernel_size, **kwargs)
        if basis not in BASES:
            raise ValueError(f"expected a `basis` of {', '.join(BASES)}, got {basis!r}")
        self.sets, self.basis = sets, basis

    def build(self, features_shape, level_shape=()):
        shape = (*self.kernel_size, features_shape[-1], self.filters)
        self.kernels: list = []
        self.biases: list = []
        for index in range(self.sets):
            first = index == 0 or self.basis == "hats"
            for kind, kept, size, start in (
                ("kernel", self.kernels, shape, self.kernel_initializer if first else "zeros"),
                ("bias", self.biases, (self.filters,), "zeros"),
            ):
                weight = keras.layers.Layer.add_weight(
                    self, name=f"{kind}{index}", shape=size, initializer=start, autocast=False
                )
                kept.append(weight)

    def factors(self, level: Any) -> list:
        """Returns the factor of each set, of the shape of the level."""
        level = ops.convert_to_tensor(level, "float32")
        if self.basis == "powers":
            return [ops.power(level, index) for index in range(self.sets)]
        place = self.sets * ops.clip(level, 0.0, 1.0)
        return [ops.relu(1.0 - ops.absolute(place - index)) for index in range(1, self.sets + 1)]

    def kernel_at(self, level: Any) -> Any:
        """Returns the kernel of one level, float32 ``(rows, columns, in, out)``."""
        pairs = zip(self.factors(level), self.kernels, strict=True)
        return sum(factor * kernel for factor, kernel in pairs)

    def bias_at(self, level: Any) -> Any:
        """Returns the bias of one level, float32 ``(out,)``."""
        return sum(
            factor * bias for factor, bias in zip(self.factors(level), self.biases, strict=True)
        )

    @property
    def w(self) -> Any:
        """The last kernel."""
        return self.kernels[-1]

    @property
    def b(self) -> Any:
        """The first kernel."""
        return self.kernels[0]

    def call(self, features, level):
        features, level = ops.cast(features, self.compute_dtype), ops.cast(level, "float32")
        if len(level.shape) == 0:
            return self.convolve(features, self.kernel_at(level), self.bias_at(level))
        # All sets in one convolution, then their outputs mixed by an image or a pixel.
        outputs = self.convolve(features, ops.concatenate(self.kernels, axis=-1), None)
        outputs = outputs + ops.cast(ops.concatenate(self.biases, axis=0), self.compute_dtype)
        outputs = ops.split(outputs, self.sets, axis=-1)
        factors = [spread(factor, self.compute_dtype) for factor in self.factors(level)]
        return sum(factor * output for factor, output in zip(factors, outputs, strict=True))

    def get_config(self):
        return {**super().get_config(), "sets": self.sets, "basis": self.basis}


class ThreeSets(Method):
    """A quadratic: a third kernel set beside slope and offset."""

    layer = KernelSetsConv2D
    tuning = ("kernel1", "kernel2", "bias1", "bias2")
    merges = False


class RCD(Method):
    """The last convolution has several outputs, and the level combines them.

    All else is computed once for all levels. The level of no degradation gives exactly the input,
    if the image is added to the output. The option ``sets`` is the number of outputs, 12 by
    default. The outputs are not made orthogonal, and no network predicts the factors.

    Reference:
        Zhang et al., Real-time Controllable Denoising for Image and Video, CVPR 2023.
    """

    places = ("tail",)
    layer = KernelSetsConv2D
    tuning = ()
    unit_scalar = True
    off_at_zero = True
    one_pass = True
    merges = False

    def __init__(self, **options: Any):
        super().__init__(**{"sets": 12, "basis": "hats", **options})
