"""The base of all layers whose weights are generated from a level."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops


class GeneratedLayer(keras.layers.Layer):
    """A layer of Keras whose weights are ``sum_i level_i * w_i + b``.

    A subclass inherits from this class and, after it, from the layer of Keras: arguments,
    configuration, input checks and output shape are that layer's. Every weight that it creates
    becomes a pair of a slope and an offset. At the start the slope is zero, so that at every level
    the layer begins as the ordinary layer.

    Args:
        *args: Of the layer of Keras.
        axes: Number of level axes, at least 1, such as 2 for noise and blur.
        use_offset: With False the weights are ``level * w``: every kernel a multiple of one set,
            the form of the paper's poster. ``w`` then begins as an ordinary kernel.
        slope_initializer: Of ``w``, if ``b`` exists. The slope of the bias begins as zero.
        **kwargs: Of the layer of Keras. Initializers are those of ``b`` (of ``w`` without ``b``);
            regularizers and constraints act on ``w`` and ``b``, each by itself.

    Call arguments:
        features: As the layer of Keras takes them, with the batch first.
        level: The generator's own scalar (a network divides its unit before): ``()`` for one
            kernel, ``(batch,)`` or ``(batch, 1)`` for one an image, the shape of the output
            without channels, or with a channel axis of 1, for one a pixel. With several axes
            ``(axes,)``, ``(batch, axes)``, or the shape of the output with `axes` for channels.
            All but the first are exact, since the layer is linear in its weights, and cost
            ``axes + 1`` runs of it.

    Raises:
        ValueError: If `level` has another shape, or an argument makes no layer.
    """

    plain: ClassVar[type[keras.layers.Layer]]
    w: Any
    b: Any
    bias_w: Any = None
    bias_b: Any = None

    def __init__(
        self,
        *args: Any,
        axes: int = 1,
        use_offset: bool = True,
        slope_initializer: str | keras.Initializer = "zeros",
        **kwargs: Any,
    ):
        # Keras would round the level to the compute type before `call` saw it.
        kwargs["autocast"] = False
        numbers = {name: _without_numpy(value) for name, value in kwargs.items()}
        super().__init__(*map(_without_numpy, args), **numbers)
        if axes < 1:
            raise ValueError(f"expected `axes` of at least 1, got {axes=}")
        self.axes = int(axes)
        self.use_offset = use_offset
        self.slope_initializer = keras.initializers.get(slope_initializer)

    def build(self, features_shape, level_shape=()):
        super().build(features_shape)

    def add_weight(
        self, shape: Sequence[int], initializer: Any, name: str, **kwargs: Any
    ) -> keras.Variable:
        """Creates slope and offset of a weight that the layer of Keras asks for."""
        slope = "zeros" if name == "bias" else self.slope_initializer
        prefix = _PREFIXES[name]
        # autocast=False: the sum is computed in float32 and rounded once.
        kwargs["autocast"] = False
        weight = super().add_weight(
            shape=shape if self.axes == 1 else (self.axes, *shape),
            initializer=slope if self.use_offset else initializer,
            name=f"{prefix}w",
            **kwargs,
        )
        setattr(self, f"{prefix}w", weight)
        setattr(self, f"{prefix}b", None)
        if self.use_offset:
            weight = super().add_weight(
                shape=shape, initializer=initializer, name=f"{prefix}b", **kwargs
            )
            setattr(self, f"{prefix}b", weight)
        return weight

    # Those of the layers of Keras know one kernel and one bias.
    save_own_variables = keras.layers.Layer.save_own_variables
    load_own_variables = keras.layers.Layer.load_own_variables

    def enable_lora(self, *args: Any, **kwargs: Any) -> None:
        """Raises NotImplementedError: LoRA changes one kernel, and this layer has a pair."""
        raise NotImplementedError("expected an ordinary layer for LoRA, got a generated one")

    def compute_output_shape(self, features_shape, level_shape=()):
        return super().compute_output_shape(features_shape)

    def compute_output_spec(self, features, level):
        shape = self.compute_output_shape(features.shape)
        self._check_level(np.shape(level), shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def weight_at(self, name: str, level: Any) -> Any:
        """Returns a weight at one level, float32: equation 2.

        Args:
            name: Of the weight in the layer of Keras, such as ``"kernel"``.
            level: ``()``, or ``(axes,)`` with several axes.

        Returns:
            A tensor of that weight's shape, or None without a bias.
        """
        slope, offset = self._pair(name)
        if slope is None:
            return None
        # In float32 even where the variables are stored in float16.
        level, slope = ops.cast(level, "float32"), ops.cast(slope, "float32")
        scaled = level * slope if self.axes == 1 else ops.tensordot(level, slope, 1)
        return scaled if offset is None else scaled + ops.cast(offset, "float32")

    def kernel_at(self, level: Any) -> Any:
        """Returns the kernel of one level, float32; see `weight_at`."""
        return self.weight_at("kernel", level)

    def bias_at(self, level: Any) -> Any:
        """Returns the bias of one level, float32 ``(channels,)``, or None without one."""
        return self.weight_at("bias", level)

    def call(self, features, level):
        features = ops.cast(features, self.compute_dtype)
        level = ops.cast(level, "float32")
        shape = self.compute_output_shape(_known(features.shape))
        self._check_level(_known(level.shape), shape)
        if shape[0] == 0:  # TensorFlow has no convolution of an empty batch.
            return ops.zeros(shape, self.compute_dtype)
        return self.activation(self.outputs(features, level))

    def outputs(self, features: Any, level: Any) -> Any:
        """Returns the outputs before the activation; the level has a valid shape."""
        return self.mixed(self.convolve, features, level, ("kernel", "bias"))

    def convolve(self, features: Any, kernel: Any, bias: Any) -> Any:
        """Convolves with a kernel and a bias, or None, of one level, without the activation."""
        raise NotImplementedError  # pragma: no cover - what a subclass is for

    def mixed(self, convolve: Callable, features: Any, level: Any, names: tuple[str, ...]) -> Any:
        """Returns ``convolve(features, *weights)`` at a level; it is linear in the weights."""
        single = 0 if self.axes == 1 else 1
        if len(level.shape) == single + 1 and level.shape[0] == 1:
            level = level[0]  # of all images
        if len(level.shape) == single:
            return convolve(features, *(self.weight_at(name, level) for name in names))
        pairs = [self._pair(name) for name in names]
        outputs = None
        for axis in range(self.axes):
            slopes = [slope if not single or slope is None else slope[axis] for slope, _ in pairs]
            output = convolve(features, *slopes)
            part = self._spread(level[..., axis] if single else level, len(output.shape))
            outputs = part * output if outputs is None else outputs + part * output
        if self.use_offset:
            outputs = outputs + apart(convolve(features, *(offset for _, offset in pairs)))
        return outputs

    def _spread(self, level, rank):
        """A level an image or a pixel in the rank of the outputs, to multiply them."""
        if len(level.shape) == rank - 1:
            level = ops.expand_dims(level, self._channel_axis)
        elif len(level.shape) < rank:
            level = ops.reshape(level, (-1, *(1,) * (rank - 1)))
        return ops.cast(level, self.compute_dtype)

    def _add_bias(self, outputs, bias):
        if bias is None:
            return outputs
        shape = [1] * len(outputs.shape)
        shape[self._channel_axis] = -1
        # Not `outputs + ...`: `ops.add` is what TensorFlow fuses with convolution and activation.
        return ops.add(outputs, ops.reshape(ops.cast(bias, self.compute_dtype), shape))

    def _pair(self, name):
        return tuple(getattr(self, f"{_PREFIXES[name]}{part}", None) for part in "wb")

    def _check_level(self, level_shape, output_shape):
        """Raises ValueError unless a level of this shape fits outputs of that shape."""
        batch, *sides = output_shape
        sides.pop(self._channel_axis if self._channel_axis < 0 else self._channel_axis - 1)
        column = [batch, *sides]
        column.insert(len(column) if self._channel_axis < 0 else 1, 1)
        known = [[], [batch], [batch, 1], [batch, *sides], column]
        spread = len(level_shape)  # leading axes along which a size of 1 is for all
        if self.axes > 1:
            known = [[self.axes], [batch, self.axes], [batch, *sides, self.axes]]
            spread -= 1

        def fits(shape):
            return len(shape) == len(level_shape) and all(
                ours in (None, theirs) or theirs is None or (ours == 1 and axis < spread)
                for axis, (ours, theirs) in enumerate(zip(level_shape, shape, strict=True))
            )

        if not any(map(fits, known)):
            shapes = ", ".join(str(tuple(shape)) for shape in known)
            raise ValueError(
                f"expected `level` of one of the shapes {shapes}, got {tuple(level_shape)}"
            )

    @property
    def _channel_axis(self):
        return 1 if getattr(self, "data_format", None) == "channels_first" else -1

    @classmethod
    def from_plain(cls, layer: keras.layers.Layer, axes: int = 1) -> Self:
        """Returns the generated layer, without weights, that begins as `layer`."""
        return cls.from_config({**layer.get_config(), "axes": axes})

    def begin_as(self, layer: keras.layers.Layer) -> None:
        """Takes the weights of the layer of Keras as offsets; the slopes stay what they are."""
        for name in _PREFIXES:
            if getattr(layer, name, None) is not None:
                self._pair(name)[1].assign(getattr(layer, name))

    def weights_at(self, level: Any) -> list[Any]:
        """Returns the weights of one level in the order of the layer of Keras; see `weight_at`."""
        weights = [self.weight_at(name, level) for name in _PREFIXES]
        return [weight for weight in weights if weight is not None]

    def to_plain(self) -> keras.layers.Layer:
        """Returns the layer of Keras with these arguments, without weights."""
        config = self.get_config()
        return self.plain.from_config({key: config[key] for key in config if key not in _OWN})

    def get_config(self):
        config = super().get_config()
        config.pop("autocast", None)
        return {
            **config,
            "axes": self.axes,
            "use_offset": self.use_offset,
            "slope_initializer": keras.initializers.serialize(self.slope_initializer),
        }


_OWN = ("axes", "use_offset", "slope_initializer")
# Of the names of slope and offset, by the name of the weight in the layer of Keras.
_PREFIXES = {
    "kernel": "", "depthwise_kernel": "depthwise_", "pointwise_kernel": "pointwise_",
    "bias": "bias_",
}  # fmt: skip


def apart(outputs: Any) -> Any:
    """Returns the outputs of a convolution as they are, for an addition that is to follow.

    TensorFlow makes convolution, bias and addition one kernel. oneDNN's (2.17 to 2.21 at least)
    adds in place where it can, and elsewhere keeps a copy in the kernel itself, not in the run: two
    runs at once then crash, or add each other's, and two convolutions of the same features that are
    added give a wrong sum. An activation that changes nothing joins the kernel in place of the
    addition.
    """
    return ops.leaky_relu(outputs, negative_slope=1.0)


def _without_numpy(value):
    """An argument with integers of Python in place of NumPy's, which Keras does not take."""
    if isinstance(value, np.integer):
        return int(value)
    return tuple(map(_without_numpy, value)) if isinstance(value, tuple | list) else value


def _known(shape):
    """A shape with None for each size that is not an integer; JAX exports with symbolic sizes."""
    return tuple(size if isinstance(size, int) else None for size in shape)
