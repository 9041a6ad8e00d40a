"""The adaptive network: Fig. 1 with convolutions generated from a level."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_hyper.layers import HyperConv2D
from keras_hyper.models.level import (
    checked_level,
    checked_table,
    interpolated,
    levels_of_batch,
)
from keras_hyper.models.plain_res import PlainRes
from keras_hyper.models.precision import in_precision
from keras_hyper.models.presets import Presets, from_preset
from keras_hyper.models.trunk import PLACES, MainNetwork, pad_to_multiple


@keras.saving.register_keras_serializable(package="keras_hyper")
class HyperRes(MainNetwork):
    """Restores images at any level with a single set of weights.

    A stride-2 convolution, residual blocks whose 3x3 convolutions are generated from the level, a
    convolution that closes the long skip, pixel shuffle by 2, two convolutions. Head, skip
    convolution and tail are shared by all levels.

    Args:
        axes: Names of the axes of several levels, such as noise and JPEG quality; empty for one
            level. Each of the next four arguments then has an entry for each axis.
        levels: Levels trained on, in the task's unit; empty where it was a range, or none.
        level_range: Lowest and highest level trained on.
        level_offset: See `level_scale`.
        level_scale: The generator's scalar is ``(level - level_offset) / level_scale``. An offset
            of 0 and a scale of 255 are what the authors' code does for all tasks.
        level_table: Points ``(level, scalar)`` between which the scalar is linear, levels
            ascending and scalars monotone, in place of offset and scale; empty for none.
        places: Places of the trunk whose convolutions are generated, of `PLACES`.
        **kwargs: Of `MainNetwork`: `channels`, `blocks`, `filters`, `image_residual`, `tail`,
            `task` and `unit`; and of `keras.Model`.

    Call arguments:
        inputs: A dict of ``image``, float ``(batch, height, width, channels)`` in [0, 1], sides of
            1 and up, odd ones too; and ``level`` in the task's unit: ``()``, ``(batch,)`` or a map
            ``(batch, height, width)``; the last two with or without a last axis of 1; of several
            axes ``(axes,)``, ``(batch, axes)`` or ``(batch, height, width, axes)``. `predict` takes
            a number or a list of levels too, and a batch of equal levels costs there what one level
            costs.

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

    takes_maps = True  # whether the level may be a map

    def __init__(
        self,
        *,
        axes: Sequence[str] = (),
        levels: Sequence[Any] = (),
        level_range: Sequence[Any] = (0.0, 255.0),
        level_offset: float | Sequence[float] = 0.0,
        level_scale: float | Sequence[float] = 255.0,
        level_table: Sequence[Sequence[float]] = (),
        places: Sequence[str] = ("conv1", "conv2"),
        **kwargs: Any,
    ):
        self.places = [place for place in PLACES if place in places]
        if len(self.places) != len(places):
            raise ValueError(f"expected `places` of {PLACES}, got {places=}")
        self.axes = list(axes)
        super().__init__(**kwargs)
        if not np.min(level_scale) > 0:
            raise ValueError(f"expected a `level_scale` above 0, got {level_scale=}")
        if self.axes and (len(self.axes) == 1 or level_table):
            raise ValueError(f"expected two `axes` or more and no `level_table`, got {axes=}")
        of_each = (len(self.axes),) if self.axes else ()
        self.levels = np.asarray(levels, float).tolist()
        self.level_range = np.broadcast_to(np.array(level_range, float), (*of_each, 2)).tolist()
        self.level_offset = np.broadcast_to(np.array(level_offset, float), of_each).tolist()
        self.level_scale = np.broadcast_to(np.array(level_scale, float), of_each).tolist()
        self.level_table = checked_table(level_table)
        self._predicting = False
        self._predicted_rank = 0  # of the level of the last call of `predict`

    def conv_at(self, place: str, filters: int, kernel_size: int = 3, **kwargs: Any) -> Any:
        """Returns a generated convolution at `places`, an ordinary one elsewhere."""
        if place not in self.places:
            return super().conv_at(place, filters, kernel_size, **kwargs)
        return HyperConv2D(filters, kernel_size, axes=max(1, len(self.axes)), **kwargs)

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
        if len(level.shape) != (2 if self.axes else 1):
            return self._restore(image, level)
        return ops.cond(
            ops.all(ops.equal(level, level[:1])),
            # The maximum is the one level; unlike level[0] it exists for an empty batch too.
            lambda: self._restore(image, ops.max(level, axis=0)),
            lambda: ops.map(lambda one: self._restore(one[0][None], one[1])[0], (image, level)),
        )

    def select_stage(self, index: int) -> None:
        """Freezes what a stage of a training does not change; here nothing, since it has one."""

    def predict(self, x: dict[str, Any], *args: Any, **kwargs: Any) -> np.ndarray:
        """Restores images in batches, as `keras.Model.predict` does.

        Args:
            x: As the inputs of the call; the level may be one number for all images.
            *args: Of `keras.Model.predict`.
            **kwargs: Of `keras.Model.predict`.
        """
        if isinstance(x, dict):
            _check_keys(x)
            image = np.asarray(x["image"])
            level = levels_of_batch(x["level"], len(image), len(self.axes))
            if level.ndim != self._predicted_rank:
                # A function for another rank would lose the rank.
                self.predict_function, self._predicted_rank = None, level.ndim
            x = {"image": image, "level": level}
        self._predicting = True
        try:
            return super().predict(x, *args, **kwargs)
        finally:
            self._predicting = False

    def _checked(self, inputs):
        """Image and level of an input, the level as ``()``, ``(batch,)`` or a map."""
        image = self.check_image(ops.convert_to_tensor(inputs["image"]))
        level = checked_level(inputs["level"], len(self.axes))
        vector = len(level.shape) == (2 if self.axes else 1)
        if vector and image.shape[0] == 1 and level.shape[0] in (None, 1):
            level = level[0]
        return image, level

    def _restore(self, image, level, training=False):
        """Restores at one level for the whole batch, one an image, or a map of levels."""
        scalar = self._scalar(level)
        scalars = dict.fromkeys(range(-1, len(self.scales)), scalar)
        if len(level.shape) > 2:
            # The map at the resolution of the image, at half of it, a quarter, ...
            mean, _ = pad_to_multiple(scalar if self.axes else scalar[..., None], self.multiple)
            for scale in scalars:
                scalars[scale] = mean if self.axes else mean[..., 0]
                # With strides left to default Keras 3.15 fails on JAX.
                mean = ops.average_pool(mean, 2, strides=2, data_format="channels_last")
        return self.run_layers(image, self.convolve_at(scalars), training)

    @staticmethod
    def convolve_at(scalars: dict[int, Any]) -> Callable:
        """Returns the `convolve` of `run_layers` with a generator's scalar per scale."""

        def convolve(layer, x, scale):
            return layer(x) if type(layer) is layers.Conv2D else layer(x, scalars[scale])

        return convolve

    def _scalar(self, level):
        if self.level_table:
            return interpolated(level, self.level_table)
        offset, scale = self.level_offset, self.level_scale
        if self.axes:
            level, offset, scale = (
                ops.convert_to_tensor(one, "float32") for one in (level, offset, scale)
            )
        return (level - offset) / scale

    @property
    def input_signature(self) -> Any:
        """The inputs of the call, as `keras.InputSpec`."""
        axes = (len(self.axes),) if self.axes else ()
        level = keras.InputSpec("float32", (None, *axes), name="level")
        return {"image": super().input_signature, "level": level}

    @property
    def shares_head(self) -> bool:
        """Whether the level leaves the head's features unchanged."""
        return type(self.head) is layers.Conv2D

    def sweep(self, image: Any, level: Any) -> Any:
        """Restores one picture at several levels; the head's features are computed once.

        Args:
            image: float ``(1, height, width, channels)`` in [0, 1], of any sides.
            level: ``(levels,)`` in the task's unit, or ``(levels, axes)``.

        Returns:
            float32 ``(levels, height, width, channels)``, as the call returns level by level.

        Raises:
            ValueError: If the image is of another shape.
        """
        image, crop = pad_to_multiple(self.check_image(ops.convert_to_tensor(image)), self.multiple)
        head = self.encode(image) if self.shares_head else None

        def at(scalar):
            convolve = self.convolve_at(dict.fromkeys(range(-1, len(self.scales)), scalar))
            features = self.encode(image, convolve) if head is None else head
            return self.decode(image, features, convolve)[0]

        return crop(ops.map(at, self._scalar(checked_level(level, len(self.axes)))))

    @property
    def generated_convs(self) -> list[HyperConv2D]:
        """The convolutions that are generated from the level."""
        return [layer for layer in self.layers if isinstance(layer, HyperConv2D)]

    def generated(self, level: float | Sequence[float]) -> list[tuple]:
        """Returns kernel and bias of each of `generated_convs` at a level, float32."""
        scalar = self._scalar(level)
        return [(conv.kernel_at(scalar), conv.bias_at(scalar)) for conv in self.generated_convs]

    def at_level(self, level: float | Sequence[float]) -> PlainRes:
        """Returns the plain network of one level: ordinary convolutions, image -> restored.

        Args:
            level: In the task's unit, one for each axis.

        Returns:
            A network equal to this one at `level`, in the same precision.

        Raises:
            ValueError: If blocks are other than two convolutions, or the level is of other axes.
        """
        checked_level(level, len(self.axes))
        for layer in self.block_layers:
            if layer is not None:
                raise ValueError(f"expected blocks of convolutions, got a {type(layer).__name__}")
        shared = MainNetwork.get_config(self)
        plain = PlainRes(level=level, **{**shared, "name": None})
        plain.build()
        scalar = self._scalar(level)
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
            **({"axes": self.axes} if self.axes else {}),
            "levels": self.levels,
            "level_range": self.level_range,
            "level_offset": self.level_offset,
            "level_scale": self.level_scale,
            "level_table": self.level_table,
            "places": self.places,
        }


def _check_keys(inputs):
    if not isinstance(inputs, dict) or set(inputs) != {"image", "level"}:
        got = sorted(inputs) if isinstance(inputs, dict) else type(inputs).__name__
        raise ValueError(f"expected a dict of `image` and `level`, got {got}")
