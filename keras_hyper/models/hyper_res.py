"""The adaptive network: Fig. 1 with convolutions generated from a level."""

import keras
from keras import ops

from keras_hyper.layers import HyperConv2D
from keras_hyper.models.padding import pad_to_multiple
from keras_hyper.models.plain_res import PlainRes
from keras_hyper.models.precision import in_precision
from keras_hyper.models.presets import Presets, from_preset
from keras_hyper.models.trunk import MainNetwork


@keras.saving.register_keras_serializable(package="keras_hyper")
class HyperRes(MainNetwork):
    """Restores images at any level with a single set of weights.

    A stride-2 convolution, residual blocks whose 3x3 convolutions are generated from the level, a
    convolution that closes the long skip, pixel shuffle by 2, two convolutions. Head, skip
    convolution and tail are shared by all levels.

    Args:
        channels: 1 for gray, 3 for RGB.
        blocks: Number of residual blocks; 16 in the paper.
        filters: Width of the features; 64 in the paper.
        image_residual: Whether the image is added to the output. The paper's network has no such
            path; with one it learns several times faster.
        tail: ``"paper"`` or ``"light"``; see `MainNetwork`.
        task: Name of the task it is trained for, kept for whoever loads the file.
        unit: What a level of 1 means, in words.
        levels: Levels trained on, in the task's unit; empty where it was a range, or none.
        level_range: Lowest and highest level trained on.
        level_offset: See `level_scale`.
        level_scale: The generator's scalar is ``(level - level_offset) / level_scale``. An offset
            of 0 and a scale of 255 are what the authors' code does for all tasks.

    Call arguments:
        inputs: A dict of ``image``, float ``(batch, height, width, channels)`` in [0, 1], sides of
            1 and up, odd ones too; and ``level`` in the task's unit: ``()``, ``(batch,)`` or a map
            ``(batch, height, width)``. A batch of equal levels costs what one level costs.

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
        channels=3,
        blocks=16,
        filters=64,
        image_residual=True,
        tail="paper",
        task="",
        unit="",
        levels=(),
        level_range=(0.0, 255.0),
        level_offset=0.0,
        level_scale=255.0,
        **kwargs,
    ):
        super().__init__(
            channels=channels,
            blocks=blocks,
            filters=filters,
            image_residual=image_residual,
            tail=tail,
            task=task,
            unit=unit,
            **kwargs,
        )
        if not level_scale > 0:
            raise ValueError(f"`level_scale` must be above 0, got level_scale={level_scale!r}")
        self.levels = [float(level) for level in levels]
        self.level_range = [float(level) for level in level_range]
        self.level_offset = float(level_offset)
        self.level_scale = float(level_scale)

    def block_conv(self, filters, **kwargs):
        """Returns a generated convolution."""
        # 0.3 times an ordinary start, so that the residual blocks begin near the identity.
        start = keras.initializers.VarianceScaling(2.0 * 0.3**2, "fan_in")
        return HyperConv2D(filters, 3, kernel_initializer=start, **kwargs)

    def __call__(self, inputs, *args, **kwargs):
        # Keras takes tensors alone in its first argument; people write {"level": 25}.
        if isinstance(inputs, dict) and isinstance(inputs.get("level"), int | float):
            inputs = {**inputs, "level": ops.convert_to_tensor(inputs["level"], "float32")}
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs, training=False):
        image = self.check_image(ops.convert_to_tensor(inputs["image"]))
        level = _checked_level(inputs["level"])
        if len(level.shape) != 1:
            return self._restore(image, level, training)
        if image.shape[0] == 1:
            return self._restore(image, level[0], training)
        if training:
            # TensorFlow 2.17 with oneDNN can crash in the gradient of a loop over images.
            return self._restore(image, level, training)
        return ops.cond(
            ops.all(ops.equal(level, level[:1])),
            # The maximum is the one level; unlike level[0] it exists for an empty batch too.
            lambda: self._restore(image, ops.max(level)),
            lambda: self._restore_one_by_one(image, level),
        )

    def _restore_one_by_one(self, image, level):
        # A kernel an image takes half the multiplications of a vector of levels in the layers.
        return ops.map(lambda one: self._restore(one[0][None], one[1])[0], (image, level))

    def _restore(self, image, level, training=False):
        """Restores at one level for the whole batch, one an image, or a map of levels."""
        levels = [self._scalar(level)] * len(self.scales)
        if len(level.shape) == 3:
            levels = _level_pyramid(levels[0], len(self.scales))
        return self.forward(image, lambda conv, x, scale: conv(x, levels[scale]), training)

    def _scalar(self, level):
        return (level - self.level_offset) / self.level_scale

    def sweep(self, image, level):
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

    def at_level(self, level: float) -> PlainRes:
        """Returns the plain network of one level: ordinary convolutions, image -> restored.

        Args:
            level: In the task's unit.

        Returns:
            A network equal to this one at `level`, in the same precision.
        """
        shared = {key: value for key, value in self.get_config().items() if key in _SHARED}
        plain = PlainRes(level=level, **shared)
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
    def from_preset(cls, name: str, **overrides) -> "HyperRes":
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


_SHARED = ("dtype", "channels", "blocks", "filters", "image_residual", "tail", "task", "unit")


def _checked_level(level):
    level = ops.cast(ops.convert_to_tensor(level), "float32")
    if len(level.shape) not in (0, 1, 3):
        raise ValueError(
            "`level` must have shape (), (batch,) or (batch, height, width), "
            f"got level of shape {tuple(level.shape)}"
        )
    return level


def _level_pyramid(level, scales):
    """Averages a map of levels to half resolution, a quarter, ...: one map a scale."""
    level, _ = pad_to_multiple(level[..., None], 2**scales)
    maps = []
    for _ in range(scales):
        # With strides left to default Keras 3.15 fails on JAX.
        level = ops.average_pool(level, 2, strides=2, data_format="channels_last")
        maps.append(level[..., 0])
    return maps
