"""Other layers of Keras with generated weights; arguments as of `GeneratedLayer` and of Keras."""

from typing import Any

import keras
from keras import ops

from keras_hyper.layers.generated import GeneratedLayer


@keras.saving.register_keras_serializable(package="keras_hyper")
class HyperDepthwiseConv2D(GeneratedLayer, keras.layers.DepthwiseConv2D):
    """A depthwise convolution with ``kernel(level) = level * w + b``."""

    plain = keras.layers.DepthwiseConv2D

    def convolve(self, features: Any, kernel: Any, bias: Any) -> Any:
        """Convolves with a kernel and a bias, or None, of one level, without the activation."""
        outputs = ops.depthwise_conv(
            features,
            ops.cast(kernel, self.compute_dtype),
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
        )
        return self._add_bias(outputs, bias)


@keras.saving.register_keras_serializable(package="keras_hyper")
class HyperConv2DTranspose(GeneratedLayer, keras.layers.Conv2DTranspose):
    """A transposed convolution with ``kernel(level) = level * w + b``."""

    plain = keras.layers.Conv2DTranspose

    def convolve(self, features: Any, kernel: Any, bias: Any) -> Any:
        """Convolves with a kernel and a bias, or None, of one level, without the activation."""
        outputs = ops.conv_transpose(
            features,
            ops.cast(kernel, self.compute_dtype),
            self.strides,
            self.padding,
            self.output_padding,
            self.data_format,
            self.dilation_rate,
        )
        return self._add_bias(outputs, bias)


@keras.saving.register_keras_serializable(package="keras_hyper")
class HyperSeparableConv2D(GeneratedLayer, keras.layers.SeparableConv2D):
    """A separable convolution whose depthwise and pointwise kernels are generated.

    Each of the two kernels is ``level * w + b``; their product is not.
    """

    plain = keras.layers.SeparableConv2D

    def outputs(self, features: Any, level: Any) -> Any:
        """Returns the outputs before the activation; the level has a valid shape."""
        features = self.mixed(self._depthwise, features, level, ("depthwise_kernel",))
        return self.mixed(self.convolve, features, level, ("pointwise_kernel", "bias"))

    def _depthwise(self, features, kernel):
        return ops.depthwise_conv(
            features,
            ops.cast(kernel, self.compute_dtype),
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
        )

    def convolve(self, features: Any, kernel: Any, bias: Any) -> Any:
        """Convolves with a pointwise kernel and a bias, or None, without the activation."""
        kernel = ops.cast(kernel, self.compute_dtype)
        outputs = ops.conv(features, kernel, data_format=self.data_format)
        return self._add_bias(outputs, bias)


@keras.saving.register_keras_serializable(package="keras_hyper")
class HyperDense(GeneratedLayer, keras.layers.Dense):
    """A dense layer with ``kernel(level) = level * w + b``."""

    plain = keras.layers.Dense

    def convolve(self, features: Any, kernel: Any, bias: Any) -> Any:
        """Multiplies by a kernel and adds a bias, or None, of one level, without activation."""
        outputs = ops.matmul(features, ops.cast(kernel, self.compute_dtype))
        return self._add_bias(outputs, bias)
