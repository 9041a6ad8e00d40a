"""The adaptive network: Fig. 1 with convolutions generated from a level."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_hyper.layers import HyperConv2D
from keras_hyper.models.precision import in_precision
from keras_hyper.models.presets import Presets, from_preset
from keras_hyper.models.trunk import MainNetwork, convolution, pad_to_multiple


@keras.saving.register_keras_serializable(package="keras_hyper")
class HyperRes(MainNetwork):
    """Restores images at any level with a single set of weights.

    A stride-2 convolution, residual blocks whose 3x3 convolutions are generated from the level, a
    convolution that closes the long skip, pixel shuffle by 2, two convolutions. Head, skip
    convolution and tail are shared by all levels.

    Args:
        levels: Levels trained on, in the task's unit; empty where it was a range, or none.
        level_range: Lowest and highest level trained on.
        level_offset: See `level_scale`.
        level_scale: The generator's scalar is ``(level - level_offset) / level_scale``. An offset
            of 0 and a scale of 255 are what the authors' code does for all tasks.
        **kwargs: Of `MainNetwork`: `channels`, `blocks`, `filters`, `image_residual`, `tail`,
            `task` and `unit`; and of `keras.Model`.

    Call arguments:
        inputs: A dict of ``image``, float ``(batch, height, width, channels)`` in [0, 1], sides of
            1 and up, odd ones too; and ``level`` in the task's unit: ``()``, ``(batch,)`` or a map
            ``(batch, height, width)``; the last two with or without a last axis of 1. `predict`
            takes a number or a list of levels too, and a batch of equal levels costs there what
            one level costs.

    Output shape:
        That of ``image``, float32. Not clipped: values may leave [0, 1] by a little.

    Raises:
        ValueError: If an argument makes no network, or the inputs do not fit it.

    Example:
        >>> model = HyperRes(blocks=1)
        >>> model({"image": keras.ops.ones((1, 7, 5, 3)), "level": 25.0}).shape
        TensorShape([1, 7, 5, 3])

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, figure 1.
    """

    presets = Presets(
        "HyperRes", {"tiny": {"blocks": 1}, "small": {"blocks": 4}, "paper": {"blocks": 16}}
    )

    def __init__(
        self,
        *,
        levels: Sequence[float] = (),
        level_range: Sequence[float] = (0.0, 255.0),
        level_offset: float = 0.0,
        level_scale: float = 255.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not level_scale > 0:
            raise ValueError(f"expected a `level_scale` above 0, got {level_scale=}")
        self.levels = [float(level) for level in levels]
        self.level_range = [float(level) for level in level_range]
        self.level_offset = float(level_offset)
        self.level_scale = float(level_scale)
        self._predicting = False

    def block_conv(self, filters: int, **kwargs: Any) -> HyperConv2D:
        """Returns a generated convolution."""
        # 0.3 times an ordinary start, so that the residual blocks begin near the identity.
        start = keras.initializers.VarianceScaling(2.0 * 0.3**2, "fan_in")
        return HyperConv2D(filters, 3, kernel_initializer=start, **kwargs)

    def __call__(self, inputs, *args, **kwargs):
        _check_keys(inputs)
        # Keras takes tensors alone in its first argument; people write {"level": 25}.
        if isinstance(inputs["level"], int | float | list | tuple | np.generic):
            inputs = {**inputs, "level": ops.convert_to_tensor(inputs["level"], "float32")}
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs, training=False):
        if self._predicting:
            return self.infer(inputs)
        image, level = self._checked(inputs)
        # TensorFlow has no convolution of an empty batch.
        return self._restore(image, level, training) if image.shape[0] != 0 else image

    def infer(self, inputs: dict[str, Any]) -> Any:
        """Restores as the call does, without a gradient with respect to a vector of levels.

        A batch of equal levels costs what one level costs, one of other levels half of the call's
        multiplications in the blocks. `predict` and the exports use this.
        """
        image, level = self._checked(inputs)
        if len(level.shape) != 1:
            return self._restore(image, level)
        return ops.cond(
            ops.all(ops.equal(level, level[:1])),
            # The maximum is the one level; unlike level[0] it exists for an empty batch too.
            lambda: self._restore(image, ops.max(level)),
            lambda: ops.map(lambda one: self._restore(one[0][None], one[1])[0], (image, level)),
        )

    def predict(self, x: dict[str, Any], *args: Any, **kwargs: Any) -> np.ndarray:
        """Restores images in batches, as `keras.Model.predict` does.

        Args:
            x: As the inputs of the call; the level may be one number for all images.
            *args: Of `keras.Model.predict`.
            **kwargs: Of `keras.Model.predict`.
        """
        if isinstance(x, dict):
            _check_keys(x)
            level = np.asarray(x["level"], np.float32)
            level = np.full(len(x["image"]), level) if level.ndim == 0 else level
            # Keras's adapter would take the axis off and lose the rank.
            level = level[..., 0] if level.ndim in (2, 4) and level.shape[-1] == 1 else level
            x = {**x, "level": level}
        self._predicting = True
        try:
            return super().predict(x, *args, **kwargs)
        finally:
            self._predicting = False

    def _checked(self, inputs):
        """Image and level of an input, the level as ``()``, ``(batch,)`` or a map."""
        image = self.check_image(ops.convert_to_tensor(inputs["image"]))
        level = _checked_level(inputs["level"])
        if len(level.shape) == 1 and image.shape[0] == 1 and level.shape[0] in (None, 1):
            level = level[0]
        return image, level

    def _restore(self, image, level, training=False):
        """Restores at one level for the whole batch, one an image, or a map of levels."""
        levels = [self._scalar(level)] * len(self.scales)
        if len(level.shape) == 3:
            # The map at half the resolution, a quarter, ...: one map a scale.
            mean, _ = pad_to_multiple(levels[0][..., None], self.multiple)
            for scale in range(len(self.scales)):
                # With strides left to default Keras 3.15 fails on JAX.
                mean = ops.average_pool(mean, 2, strides=2, data_format="channels_last")
                levels[scale] = mean[..., 0]
        return self.forward(image, lambda conv, x, scale: conv(x, levels[scale]), training)

    def _scalar(self, level):
        return (level - self.level_offset) / self.level_scale

    @property
    def input_signature(self) -> Any:
        """The inputs of the call, as `keras.InputSpec`."""
        level = keras.InputSpec("float32", (None,), name="level")
        return {"image": super().input_signature, "level": level}

    def sweep(self, image: Any, level: Any) -> Any:
        """Restores one picture at several levels; what no level changes is computed once.

        Args:
            image: float ``(1, height, width, channels)`` in [0, 1], of any sides.
            level: ``(levels,)`` in the task's unit.

        Returns:
            float32 ``(levels, height, width, channels)``, as the call returns level by level.

        Raises:
            ValueError: If the image is of another shape.
        """
        image, crop = pad_to_multiple(self.check_image(ops.convert_to_tensor(image)), self.multiple)
        head = self.encode(image)

        def at(scalar):
            return self.decode(image, head, lambda conv, x, _: conv(x, scalar))[0]

        return crop(ops.map(at, self._scalar(_checked_level(level))))

    def generated(self, level: float) -> list[tuple]:
        """Returns kernel and bias of each convolution of the blocks at a level, float32."""
        scalar = self._scalar(float(level))
        return [(conv.kernel_at(scalar), conv.bias_at(scalar)) for conv in self.block_convs]

    def at_level(self, level: float) -> "PlainRes":
        """Returns the plain network of one level: ordinary convolutions, image -> restored.

        Args:
            level: In the task's unit.

        Returns:
            A network equal to this one at `level`, in the same precision.
        """
        shared = MainNetwork.get_config(self)
        plain = PlainRes(level=level, **{**shared, "name": None})
        plain.build()
        scalar = self._scalar(float(level))
        for ours, theirs in zip(self.layers, plain.layers, strict=True):
            if isinstance(ours, HyperConv2D):
                theirs.set_weights([ours.kernel_at(scalar), ours.bias_at(scalar)])
            else:
                theirs.set_weights(ours.get_weights())
        return plain

    def with_precision(self, precision: str) -> "HyperRes":
        """Returns this network in another precision, with the same weights.

        Args:
            precision: ``"float32"``, ``"bfloat16"`` (the inner layers: variables, level and both
                ends stay float32), or ``"auto"``: bfloat16 where the device multiplies in it.

        Returns:
            A built copy, or the network itself where nothing changes.

        Raises:
            ValueError: If `precision` is another word.
        """
        return in_precision(self, precision)

    @classmethod
    def from_preset(cls, name: str, **overrides: Any) -> "HyperRes":
        """Returns a network by name: a size, untrained, or a model that ships.

        Args:
            name: A key of `HyperRes.presets`.
            **overrides: Further arguments of `HyperRes`, for a size alone.

        Returns:
            The network, built.

        Raises:
            ValueError: If no such preset exists; the text lists those that do.
        """
        return from_preset(cls, name, overrides)

    def get_config(self):
        return {
            **super().get_config(),
            "levels": self.levels,
            "level_range": self.level_range,
            "level_offset": self.level_offset,
            "level_scale": self.level_scale,
        }


def _check_keys(inputs):
    if not isinstance(inputs, dict) or set(inputs) != {"image", "level"}:
        got = sorted(inputs) if isinstance(inputs, dict) else type(inputs).__name__
        raise ValueError(f"expected a dict of `image` and `level`, got {got}")


def _checked_level(level):
    level = ops.cast(ops.convert_to_tensor(level), "float32")
    shape = tuple(level.shape)
    if len(shape) in (2, 4) and shape[-1] == 1:
        return level[..., 0]
    if len(shape) not in (0, 1, 3):
        raise ValueError(
            f"expected `level` of shape (), (batch,) or (batch, height, width), got {shape}"
        )
    return level


@keras.saving.register_keras_serializable(package="keras_hyper")
class PlainRes(MainNetwork):
    """The network of one level alone, in ordinary convolutions: what `HyperRes.at_level` returns.

    Args:
        level: The level that it restores, in the task's unit.
        **kwargs: As in `HyperRes`.

    Call arguments:
        image: float ``(batch, height, width, channels)`` in [0, 1], sides of 1 and up.

    Output shape:
        That of ``image``, float32. Not clipped: values may leave [0, 1] by a little.

    Raises:
        ValueError: If an argument makes no network, or the image does not fit it.
    """

    def __init__(self, level: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.level = float(level)

    def block_conv(self, filters: int, **kwargs: Any) -> layers.Conv2D:
        """Returns an ordinary convolution."""
        return convolution(filters, **kwargs)

    def call(self, image):
        return self.forward(self.check_image(image), lambda conv, x, _: conv(x))

    def get_config(self):
        return {**super().get_config(), "level": self.level}
