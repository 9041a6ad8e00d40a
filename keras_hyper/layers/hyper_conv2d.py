"""One stored pair (w, b), a family of convolution kernels."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

_LEVEL_RANKS = (0, 1, 3)


@keras.saving.register_keras_serializable(package="keras_hyper")
class HyperConv2D(keras.layers.Layer):
    """Convolves features with ``kernel(level) = level * w + b``.

    The arguments are those of ``keras.layers.Conv2D``; kernel and bias are both generated. At the
    start ``w`` is zero and ``b`` an ordinary kernel, so that at every level the layer begins as an
    ordinarily initialised convolution.

    Args:
        filters: Number of output channels, at least 1.
        kernel_size: Height and width of the kernel in pixels, one integer or two.
        strides: Steps of the window in pixels, one integer or two.
        padding: ``"same"`` or ``"valid"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; by default Keras's own.
        dilation_rate: Spacing of the kernel's taps in pixels, one integer or two.
        groups: Number of groups that the channels are split into.
        activation: Of the output; by default none.
        use_bias: Whether a bias, generated as the kernel is, is added.
        use_offset: With False the kernel is ``level * w``: every kernel a multiple of one set, the
            form of the paper's poster. ``w`` then begins as an ordinary kernel.
        kernel_initializer: Of ``b`` (of ``w`` without ``b``).
        slope_initializer: Of ``w``, if ``b`` exists.

    Call arguments:
        features: ``(batch, height, width, channels)``, unitless activations.
        level: The generator's own scalar (a network divides its unit before): ``()`` for one
            kernel, ``(batch,)`` for one an image, ``(batch, height, width)`` of the output for one
            a pixel. The last two are exact, since a convolution is linear in its kernel, and cost
            two convolutions.

    Output shape:
        ``(batch, new_height, new_width, filters)`` in the layer's compute type.

    Raises:
        ValueError: If an argument makes no convolution, or `level` has another rank.

    Example:
        >>> HyperConv2D(filters=8, kernel_size=3)(keras.ops.ones((1, 6, 6, 4)), level=0.1).shape
        TensorShape([1, 6, 6, 8])

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, section 3.2, equation 2.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = 1,
        padding: str = "same",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, int] = 1,
        groups: int = 1,
        activation: str | Callable | None = None,
        use_bias: bool = True,
        use_offset: bool = True,
        kernel_initializer: str | keras.Initializer = "he_normal",
        slope_initializer: str | keras.Initializer = "zeros",
        **kwargs: Any,
    ):
        # Keras would round the level to the compute type before `call` saw it.
        super().__init__(autocast=False, **kwargs)
        self.filters = _positive("filters", filters)
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.strides = _pair("strides", strides)
        self.padding = _one_of("padding", padding, ("same", "valid"))
        self.data_format = _one_of(
            "data_format",
            data_format or keras.config.image_data_format(),
            ("channels_last", "channels_first"),
        )
        self.dilation_rate = _pair("dilation_rate", dilation_rate)
        self.groups = _positive("groups", groups)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.use_offset = use_offset
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.slope_initializer = keras.initializers.get(slope_initializer)
        if self.filters % self.groups:
            raise ValueError(f"expected `groups` that divide `filters`, got {groups=}, {filters=}")

    def build(self, features_shape, level_shape=()):
        channels = features_shape[self._channel_axis]
        if channels is None or channels % self.groups:
            raise ValueError(
                "expected a known number of channels, divisible by `groups`, "
                f"got {features_shape=}, groups={self.groups}"
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        slope = self.slope_initializer if self.use_offset else self.kernel_initializer
        # autocast=False: `level * w + b` is computed in float32 and rounded once.
        self.w = self.add_weight(name="w", shape=shape, initializer=slope, autocast=False)
        self.b = self.bias_w = self.bias_b = None
        if self.use_offset:
            self.b = self.add_weight(
                name="b", shape=shape, initializer=self.kernel_initializer, autocast=False
            )
        if self.use_bias:
            bias = {"shape": (self.filters,), "initializer": "zeros", "autocast": False}
            self.bias_w = self.add_weight(name="bias_w", **bias)
            if self.use_offset:
                self.bias_b = self.add_weight(name="bias_b", **bias)

    def kernel_at(self, level: Any) -> Any:
        """Returns the kernel of one level, float32 ``(rows, columns, in, out)``: equation 2."""
        return _affine(level, self.w, self.b)

    def bias_at(self, level: Any) -> Any:
        """Returns the bias of one level, float32 ``(filters,)``, or None without one."""
        return _affine(level, self.bias_w, self.bias_b) if self.use_bias else None

    def call(self, features, level):
        features = ops.cast(features, self.compute_dtype)
        level = ops.cast(level, "float32")
        rank = len(level.shape)
        if rank not in _LEVEL_RANKS:
            raise ValueError(
                "expected `level` to be a scalar, a vector (batch,) or a map (batch, height, "
                f"width), got level of shape {tuple(level.shape)}"
            )
        if rank == 0:
            outputs = self.convolve(features, self.kernel_at(level), self.bias_at(level))
        else:
            # The outputs of `w` and `b`, mixed by a level an image or a pixel.
            level = level[:, None, None] if rank == 1 else level
            level = ops.cast(ops.expand_dims(level, self._channel_axis), self.compute_dtype)
            outputs = level * self.convolve(features, self.w, self.bias_w)
            if self.use_offset:
                outputs = outputs + self.convolve(features, self.b, self.bias_b)
        return self.activation(outputs)

    def convolve(self, features: Any, kernel: Any, bias: Any) -> Any:
        """Convolves with a kernel and a bias, or None, of one level, without the activation."""
        outputs = ops.conv(
            features,
            ops.cast(kernel, self.compute_dtype),
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        if bias is None:
            return outputs
        shape = [1, 1, 1, 1]
        shape[self._channel_axis] = self.filters
        # Not `outputs + ...`: `ops.add` is what TensorFlow fuses with convolution and activation.
        return ops.add(outputs, ops.reshape(ops.cast(bias, self.compute_dtype), shape))

    @property
    def _channel_axis(self):
        return -1 if self.data_format == "channels_last" else 1

    def get_config(self):
        config = super().get_config()
        config.pop("autocast", None)
        return {
            **config,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "use_offset": self.use_offset,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "slope_initializer": keras.initializers.serialize(self.slope_initializer),
        }


def _affine(level, slope, offset):
    scaled = ops.cast(level, "float32") * slope
    return scaled if offset is None else scaled + offset


def _positive(name, value):
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"expected `{name}` to be an integer of at least 1, got {name}={value!r}")
    return value


def _pair(name, value):
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2:
        raise ValueError(f"expected `{name}` to be one integer or two, got {name}={value!r}")
    return tuple(_positive(name, side) for side in pair)


def _one_of(name, value, known):
    if value not in known:
        raise ValueError(f"expected `{name}` to be one of {known}, got {name}={value!r}")
    return value
