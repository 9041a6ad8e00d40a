"""One stored pair (w, b), a family of convolution kernels."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops


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
        bias_initializer: Of the bias at level 0; its slope begins as zero.
        kernel_regularizer: Of ``w`` and ``b`` alike.
        bias_regularizer: Of the bias and its slope alike.
        kernel_constraint: Of ``w`` and ``b``, each by itself.
        bias_constraint: Of the bias and its slope, each by itself.

    Call arguments:
        features: ``(batch, height, width, channels)``, unitless activations.
        level: The generator's own scalar (a network divides its unit before): ``()`` for one
            kernel, ``(batch,)`` or ``(batch, 1)`` for one an image, ``(batch, height, width)`` of
            the output, with or without a channel axis of 1, for one a pixel. All but the first are
            exact, since a convolution is linear in its kernel, and cost two convolutions.

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
        bias_initializer: str | keras.Initializer = "zeros",
        kernel_regularizer: str | keras.Regularizer | None = None,
        bias_regularizer: str | keras.Regularizer | None = None,
        kernel_constraint: str | keras.constraints.Constraint | None = None,
        bias_constraint: str | keras.constraints.Constraint | None = None,
        **kwargs: Any,
    ):
        # Keras would round the level to the compute type before `call` saw it.
        super().__init__(autocast=False, **kwargs)
        self.filters = _positive("filters", filters)
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.strides = _pair("strides", strides)
        self.padding = _one_of("padding", str(padding).lower(), ("same", "valid"))
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
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
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
        # autocast=False: `level * w + b` is computed in float32 and rounded once.
        kernel = {"shape": shape, "autocast": False, "regularizer": self.kernel_regularizer,
                  "constraint": self.kernel_constraint}  # fmt: skip
        bias = {"shape": (self.filters,), "autocast": False, "regularizer": self.bias_regularizer,
                "constraint": self.bias_constraint}  # fmt: skip
        slope = self.slope_initializer if self.use_offset else self.kernel_initializer
        self.w = self.add_weight(name="w", initializer=slope, **kernel)
        self.b = self.bias_w = self.bias_b = None
        if self.use_offset:
            self.b = self.add_weight(name="b", initializer=self.kernel_initializer, **kernel)
        if self.use_bias:
            start = "zeros" if self.use_offset else self.bias_initializer
            self.bias_w = self.add_weight(name="bias_w", initializer=start, **bias)
            if self.use_offset:
                self.bias_b = self.add_weight(
                    name="bias_b", initializer=self.bias_initializer, **bias
                )

    def compute_output_shape(self, features_shape, level_shape=()):
        plain = keras.layers.Conv2D(
            self.filters,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.groups,
        )
        return plain.compute_output_shape(features_shape)

    def compute_output_spec(self, features, level):
        shape = self.compute_output_shape(features.shape)
        self._check_level(np.shape(level), shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def kernel_at(self, level: Any) -> Any:
        """Returns the kernel of one level, float32 ``(rows, columns, in, out)``: equation 2."""
        return _affine(level, self.w, self.b)

    def bias_at(self, level: Any) -> Any:
        """Returns the bias of one level, float32 ``(filters,)``, or None without one."""
        return _affine(level, self.bias_w, self.bias_b) if self.use_bias else None

    def call(self, features, level):
        features = ops.cast(features, self.compute_dtype)
        level = ops.cast(level, "float32")
        self._check_level(level.shape, self.compute_output_shape(features.shape))
        if len(level.shape) == 0:
            outputs = self.convolve(features, self.kernel_at(level), self.bias_at(level))
        else:
            # The outputs of `w` and `b`, mixed by a level an image or a pixel.
            if len(level.shape) <= 2:
                level = ops.reshape(level, (-1, 1, 1, 1))
            elif len(level.shape) == 3:
                level = ops.expand_dims(level, self._channel_axis)
            level = ops.cast(level, self.compute_dtype)
            outputs = level * self.convolve(features, self.w, self.bias_w)
            if self.use_offset:
                outputs = outputs + apart(self.convolve(features, self.b, self.bias_b))
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

    def _check_level(self, level_shape, output_shape):
        """Raises ValueError unless a level of this shape fits outputs of that shape."""
        batch, *sides = output_shape
        sides.pop(self._channel_axis if self._channel_axis < 0 else self._channel_axis - 1)
        column = [batch, *sides]
        column.insert(len(column) if self._channel_axis < 0 else 1, 1)
        known = {0: [], 1: [batch], 2: [batch, 1], 3: [batch, *sides], 4: column}
        expected = known.get(len(level_shape))
        if expected is None or any(
            ours not in (None, 1) and theirs not in (None, ours)
            for ours, theirs in zip(level_shape, expected, strict=True)
        ):
            shapes = ", ".join(str(tuple(shape)) for shape in known.values())
            raise ValueError(
                f"expected `level` of one of the shapes {shapes}, got {tuple(level_shape)}"
            )

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
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
        }


def apart(outputs: Any) -> Any:
    """Returns the outputs of a convolution as they are, for an addition that is to follow.

    TensorFlow makes convolution, bias and addition one kernel. oneDNN's (2.17 to 2.21 at least)
    adds in place where it can, and elsewhere keeps a copy in the kernel itself, not in the run: two
    runs at once then crash, or add each other's, and two convolutions of the same features that are
    added give a wrong sum. An activation that changes nothing joins the kernel in place of the
    addition.
    """
    return ops.leaky_relu(outputs, negative_slope=1.0)


def _affine(level, slope, offset):
    # In float32 even where the variables are stored in float16.
    scaled = ops.cast(level, "float32") * ops.cast(slope, "float32")
    return scaled if offset is None else scaled + ops.cast(offset, "float32")


def _positive(name, value):
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"expected `{name}` to be an integer of at least 1, got {name}={value!r}")
    return int(value)


def _pair(name, value):
    pair = (value, value) if isinstance(value, int | np.integer) else tuple(value)
    if len(pair) != 2:
        raise ValueError(f"expected `{name}` to be one integer or two, got {name}={value!r}")
    return tuple(_positive(name, side) for side in pair)


def _one_of(name, value, known):
    if value not in known:
        raise ValueError(f"expected `{name}` to be one of {known}, got {name}={value!r}")
    return value
