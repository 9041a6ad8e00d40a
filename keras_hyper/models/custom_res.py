"""Networks of a user's own: a Keras model in place of the trunk."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_hyper.models.hyper_res import HyperRes
from keras_hyper.models.hyperize import hyperize
from keras_hyper.models.level import checked_level
from keras_hyper.models.plain_res import PlainRes
from keras_hyper.models.trunk import MainNetwork, pad_to_multiple

# Sides in pixels of the images that the margin is measured on; their last limits it.
_SIDES = (64, 256, 1024, 4096)
_MULTIPLES = (1, 2, 4, 8, 16, 32, 64)


class CustomTrunk(MainNetwork):
    """A Keras model in place of the trunk; the base of `CustomRes` and `PlainCustomRes`.

    Args:
        trunk: Returns images of the size of its input.
        halo: Margin in pixels that determines an output pixel.
        multiple: Sides are padded to multiples of this, in pixels.
        **kwargs: Of `HyperRes` or `PlainRes`, but for the sizes of their trunk.
    """

    def __init__(self, *, trunk: keras.Model, halo: int, multiple: int, **kwargs: Any):
        super().__init__(image_residual=False, **kwargs)
        self.trunk, self._halo, self._multiple = trunk, halo, multiple
        self.blocks = self.filters = 0
        self.head = self.tail = None
        self.block_layers = [trunk]

    def _create_layers(self):
        """Creates none."""

    def build(self, input_shape=None):
        self.built = True

    @property
    def halo(self) -> int:
        """Margin in pixels that determines an output pixel, a multiple of `multiple`."""
        return self._halo

    @property
    def multiple(self) -> int:
        """Sides are padded to multiples of this, in pixels."""
        return self._multiple

    def run_layers(self, image: Any, convolve: Callable, training: bool = False) -> Any:
        """Restores an image; see `MainNetwork.run_layers`."""
        image, crop = pad_to_multiple(image, self.multiple)

        def run(x, *scalar):
            if not scalar:
                return self.trunk(x, training=training)
            single = 1 if self.axes else 0
            if len(scalar[0].shape) > single + 1:
                raise ValueError("expected one level, or one for each image, got a map of levels")
            # A vector of one level is one kernel for all images.
            level = scalar[0][None] if len(scalar[0].shape) == single else scalar[0]
            return self.trunk({"image": x, "level": level}, training=training)

        return crop(ops.cast(convolve(run, image, -1), "float32"))

    def get_config(self):
        config = super().get_config()
        own = ("blocks", "filters", "image_residual", "tail", "expansion", "places")
        trunk = keras.saving.serialize_keras_object(self.trunk)
        return {
            **{name: value for name, value in config.items() if name not in own},
            "trunk": trunk,
            "halo": self.halo,
            "multiple": self.multiple,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Returns the network of a configuration."""
        trunk = keras.saving.deserialize_keras_object(config["trunk"])
        return cls(**{**config, "trunk": trunk})


@keras.saving.register_keras_serializable(package="keras_hyper")
class PlainCustomRes(CustomTrunk, PlainRes):
    """The network of one level of a `CustomRes`. See `CustomTrunk` and `PlainRes`."""


@keras.saving.register_keras_serializable(package="keras_hyper")
class CustomRes(CustomTrunk, HyperRes):
    """A user's own network with generated layers: trained, exported and served as a `HyperRes`.

    It takes no maps of levels, and keeps the precision of its layers. See `CustomTrunk` and
    `HyperRes` for the arguments; `from_network` measures two of them.
    """

    @classmethod
    def from_network(cls, network: keras.Model, **kwargs: Any) -> Self:
        """Returns the adaptive form of a network, which begins equal to it at every level.

        Args:
            network: A functional or Sequential model: images ``(batch, height, width, channels)``
                of any size in [0, 1] -> restored images of that size.
            **kwargs: Of `HyperRes`, but for the sizes of its trunk.

        Raises:
            ValueError: If the network has another form, or its outputs depend on the whole image.
        """
        halo, multiple = margin_of(network)
        axes = len(kwargs.get("axes", ()))
        trunk = hyperize(network, ((-1.0, 1.0),) * axes or (-1.0, 1.0))
        channels = network.inputs[0].shape[-1]
        return cls(trunk=trunk, halo=halo, multiple=multiple, channels=channels, **kwargs)

    takes_maps = False

    def with_precision(self, precision: str) -> "CustomRes":
        """Returns the network itself: its layers have their own precision."""
        return self

    def sweep(self, image: Any, level: Any) -> Any:
        """Restores one picture at several levels; see `HyperRes.sweep`."""
        image = self.check_image(ops.convert_to_tensor(image))
        level = checked_level(level, len(self.axes))
        return ops.map(lambda one: self._restore(image, one)[0], level)

    def at_level(self, level: float | Sequence[float]) -> PlainRes:
        """Returns the plain network of one level; see `HyperRes.at_level`."""
        names = ("channels", "task", "unit", "halo", "multiple")
        facts = {name: getattr(self, name) for name in names}
        scalar = ops.convert_to_numpy(self._scalar(checked_level(level, len(self.axes))))
        trunk = self.trunk.at_level(scalar)
        plain = PlainCustomRes(trunk=trunk, level=level, **facts)
        plain.build()
        return plain


def margin_of(network: keras.Model) -> tuple[int, int]:
    """Measures the margin that determines an output pixel, and the multiple that sides must be.

    Args:
        network: See `CustomRes.from_network`.

    Returns:
        The margin in pixels, a multiple of the second number and of 2; and that number.

    Raises:
        ValueError: If the network has another form, or its outputs depend on the whole image.
    """
    shapes = [tuple(tensor.shape) for tensor in network.inputs]
    if len(shapes) != 1 or shapes[0][:3] != (None, None, None) or shapes[0][-1] not in (1, 3):
        raise ValueError(
            f"expected a network of one input (None, None, None, 1 or 3), got inputs {shapes}"
        )
    multiple = next((m for m in _MULTIPLES if _keeps_size(network, m)), None)
    if multiple is None:
        raise ValueError(
            f"expected a network that returns images of the size of its input, got {network.name}"
        )

    def precise(layer):
        return type(layer).from_config({**layer.get_config(), "dtype": "float64"})

    # Kernels are positive, so that no influence cancels; biases and statistics are as at the start.
    probe = keras.models.clone_model(network, clone_function=precise)
    rng = np.random.default_rng(0)
    for weight in probe.trainable_weights:
        if len(weight.shape) > 1:
            values = rng.uniform(0.5, 1.5, weight.shape) / np.prod(weight.shape[:-1])
            weight.assign(values)
    # In a black image the smallest influence counts, in a gray one that of products, too.
    reach = max(_reach(probe, axis, multiple, base) for axis in (1, 2) for base in (0.0, 0.5))
    step = max(2, multiple)
    return -(-reach // step) * step, multiple


def _keeps_size(network, multiple):
    shape = (1, 3 * multiple, 5 * multiple, network.inputs[0].shape[-1])
    try:
        return tuple(network.compute_output_shape(shape)) == shape
    except ValueError:  # such as a sum of features of two sizes
        return False


def _reach(probe, axis, multiple, base):
    """How far along an axis the outputs depend on a stripe of `multiple` pixels of value 1."""
    for side in _SIDES:
        side = max(side, 4 * multiple)
        shape = [1, *[max(16, 2 * multiple)] * 2, probe.inputs[0].shape[-1]]
        shape[axis] = side
        image = np.full(shape, base, "float32")
        before = ops.convert_to_numpy(probe(image))
        first = side // 2 // multiple * multiple
        last = first + multiple - 1
        image[(slice(None),) * axis + (slice(first, last + 1),)] = 1.0
        changed = np.moveaxis(ops.convert_to_numpy(probe(image)) != before, axis, 0)
        reached = np.flatnonzero(changed.any(axis=(1, 2, 3)))
        if not len(reached):
            return 0
        if reached[0] > 0 and reached[-1] < side - 1:
            return int(max(last - reached[0], reached[-1] - first))
    raise ValueError(
        f"expected a network whose outputs depend on less than {_SIDES[-1] // 2} pixels to each "
        "side (no pooling or attention over the whole image)"
    )
