"""One stored pair (w, b), a family of convolution kernels."""

from typing import Any

import keras
from keras import ops

from keras_hyper.layers.generated import GeneratedLayer


@keras.saving.register_keras_serializable(package="keras_hyper")
class HyperConv2D(GeneratedLayer, keras.layers.Conv2D):
    """Convolves features with ``kernel(level) = level * w + b``.

    Arguments and call arguments are those of `GeneratedLayer` and ``keras.layers.Conv2D``, with
    three other defaults.

    Args:
        filters: Number of output channels, at least 1.
        kernel_size: Height and width of the kernel in pixels, one integer or two.
        strides: Steps of the window in pixels, one integer or two.
        padding: ``"same"`` or ``"valid"``.
        kernel_initializer: Of ``b`` (of ``w`` without ``b``).
        **kwargs: Of the two classes: `axes`, `use_offset`, `dilation_rate`, `activation`, ...

    Output shape:
        ``(batch, new_height, new_width, filters)`` in the layer's compute type.

    Raises:
        ValueError: If an argument makes no convolution, or `level` has another shape.

    Example:
        >>> HyperConv2D(filters=8, kernel_size=3)(keras.ops.ones((1, 6, 6, 4)), level=0.1).shape
        TensorShape([1, 6, 6, 8])

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, section 3.2, equation 2.
    """

    plain = keras.layers.Conv2D

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = 1,
        padding: str = "same",
        kernel_initializer: str | keras.Initializer = "he_normal",
        **kwargs: Any,
    ):
        super().__init__(
            filters, kernel_size, strides, padding, kernel_initializer=kernel_initializer, **kwargs
        )

    def convolve(self, features: Any, kernel: Any, bias: Any) -> Any:
        """Convolves with a kernel and a bias, or None, of one level, without the activation."""
        outputs = self.convolution_op(features, ops.cast(kernel, self.compute_dtype))
        return self._add_bias(outputs, bias)
