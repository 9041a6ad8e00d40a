"""Meta-SR's upscaling: features to a picture, by any factor."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_hyper")
class MetaUpscale(keras.layers.Layer):
    """Enlarges features by any factor; a small network makes the kernel of every output pixel.

    Output pixel ``(i, j)`` is a 3x3 convolution around ``(floor(i / s), floor(j / s))`` of the
    features, with zeros outside. Its kernel depends on the factor s and the fractions of ``i / s``
    and ``j / s``. It takes ``9 * channels * out * s^2`` numbers for a pixel of the features.

    Args:
        filters: Channels of the picture.
        hidden: Width of the small network.

    Call arguments:
        features: ``(batch, height, width, channels)`` at low resolution.
        factor: s, a number of at least 1; given by name.

    Output shape:
        ``(batch, floor(s * height), floor(s * width), filters)``.

    Raises:
        ValueError: If `factor` is below 1.

    Reference:
        Hu et al., Meta-SR: A Magnification-Arbitrary Network for Super-Resolution, CVPR 2019.
    """

    def __init__(self, filters: int = 3, hidden: int = 256, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.filters, self.hidden = filters, hidden

    def build(self, features_shape):
        taps = 9 * features_shape[-1] * self.filters
        start = keras.initializers.RandomNormal(stddev=(2 / (9 * features_shape[-1])) ** 0.5 / 16)
        shapes: dict[str, tuple] = {
            "kernel1": ((3, self.hidden), "he_normal"),
            "bias1": ((self.hidden,), "zeros"),
            "kernel2": ((self.hidden, taps), start),
            "bias2": ((taps,), "zeros"),
        }
        for name, (shape, initializer) in shapes.items():
            weight = self.add_weight(
                name=name, shape=shape, initializer=initializer, autocast=False
            )
            setattr(self, name, weight)

    def call(self, features, factor=2.0):
        if not factor >= 1:
            raise ValueError(f"expected a `factor` of at least 1, got {factor}")
        _, height, width, channels = ops.shape(features)
        places, fractions = zip(
            *(self._places(side, factor) for side in (height, width)), strict=True
        )
        down, across = ops.meshgrid(*fractions, indexing="ij")
        inputs = ops.stack([ops.full_like(down, 1 / factor), down, across], axis=-1)
        kernels = ops.relu(inputs @ self.kernel1 + self.bias1) @ self.kernel2 + self.bias2
        kernels = ops.reshape(kernels, (*ops.shape(down), channels, 3, 3, self.filters))
        padded = ops.pad(ops.cast(features, "float32"), ((0, 0), (1, 1), (1, 1), (0, 0)))
        outputs = 0.0
        for row in range(3):
            rows = ops.take(padded, places[0] + row, axis=1)
            for column in range(3):
                near = ops.take(rows, places[1] + column, axis=2)
                outputs += ops.einsum("byxc,yxco->byxo", near, kernels[..., row, column, :])
        return ops.cast(outputs, self.compute_dtype)

    def _places(self, side, factor):
        """The pixel of the features below each output pixel of an axis, and the fraction."""
        if isinstance(side, int):
            count = int(side * factor)
        else:
            count = ops.cast(ops.floor(ops.cast(side, "float32") * factor), "int32")
        position = ops.cast(ops.arange(count), "float32") / factor
        place = ops.floor(position)
        return ops.cast(place, "int32"), position - place

    def get_config(self):
        config = super().get_config()
        config.pop("autocast", None)
        return {**config, "filters": self.filters, "hidden": self.hidden}
