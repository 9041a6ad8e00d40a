"""The blind setting: a network that estimates the level of an image, and its training."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from keras_hyper.models.precision import in_precision
from keras_hyper.models.presets import Presets, from_preset

# The level is `KNEE * (exp(u) - 1)` of what the dense layers give: nearly linear below the knee,
# where texture limits the accuracy, logarithmic above it.
KNEE = 16.0


@keras.saving.register_keras_serializable(package="keras_hyper")
class ZeroSum(keras.constraints.Constraint):
    """Keeps the sum over a kernel at zero, so that a flat picture of any brightness gives nothing.

    Call arguments:
        w: A kernel ``(height, width, in, out)``; each of its ``in`` planes comes back centred.
    """

    def __call__(self, w):
        return w - ops.mean(w, axis=(0, 1), keepdims=True)


@keras.saving.register_keras_serializable(package="keras_hyper")
class LevelEstimator(keras.Model):
    """Estimates the level of white noise in an image by five convolutions and three dense layers.

    The first convolution is a bank of learned high-pass filters. Of their answers the logarithm of
    the local energy goes on, with the local colour and the shares of samples at black and at white,
    since noise that was clipped there has less energy. Four more convolutions find flat regions;
    their features are averaged twice, over all positions and with learned weights that suppress
    texture.

    Args:
        channels: 1 for gray, 3 for RGB.
        probes: Number of high-pass filters.
        filters: Width of the features; the last two convolutions are half as wide again.
        heads: Number of weighted averages.
        apart: Whether the four answers of a probe to a square go on one by one instead of as their
            mean: inside a block of a JPEG one is silent where its neighbour straddles an edge.
        floor: The energy below which nothing is estimated; by default that of rounding to 8 bits.
        rank: Which of the nine estimates of a grid of crops is the picture's, from 0 for the lowest
            to 8. A low one suits noise that texture resembles: noise is everywhere, texture is not.
        task: Name of the task whose level is estimated.
        axis: Of a task with several levels the name of the one that is estimated.
        unit: What a level of 1 means, in words.
        level_range: Lowest and highest level trained on.

    Call arguments:
        image: float ``(batch, height, width, channels)`` in [0, 1], sides of `min_side` and up.

    Output shape:
        ``(batch,)``, float32, in `unit`; may fall a little below 0.

    Raises:
        ValueError: If an argument makes no network, or the image does not fit it.

    Example:
        >>> LevelEstimator()(keras.ops.ones((2, 32, 24, 3))).shape
        TensorShape([2])

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, section 4.3, for the setting and the numbers of
        layers; Liu et al., IEEE TIP 22 (2013), for noise read from the energy of flat places.
    """

    presets = Presets("LevelEstimator", {})
    min_side = 16
    crop, grid = 128, 3

    def __init__(
        self,
        channels: int = 3,
        probes: int = 48,
        filters: int = 64,
        heads: int = 2,
        apart: bool = False,
        floor: float = 1e-5,
        rank: int = 4,
        task: str = "",
        axis: str = "",
        unit: str = "",
        level_range: Sequence[float] = (0.0, 120.0),
        **kwargs: Any,
    ):
        # Keras would round the image to the compute type: weak noise would drown in that.
        super().__init__(autocast=False, **kwargs)
        if channels not in (1, 3):
            raise ValueError(f"expected `channels` of 1 or 3, got {channels!r}")
        if rank not in range(self.grid**2):
            raise ValueError(f"expected `rank` of 0 to {self.grid**2 - 1}, got {rank!r}")
        self.channels, self.probes, self.filters, self.heads = channels, probes, filters, heads
        self.apart, self.floor, self.rank = apart, floor, rank
        self.task, self.axis, self.unit = task, axis, unit
        self.level_range = [float(level) for level in level_range]
        self.probe = layers.Conv2D(
            probes, 6, strides=2, use_bias=False, kernel_constraint=ZeroSum(), dtype="float32"
        )
        inner = {"kernel_size": 3, "dtype": self.dtype_policy}
        wide = filters * 3 // 2
        self.look = [
            layers.Conv2D(width, strides=strides, activation="relu", **inner)
            for width, strides in ((filters, 2), (filters, 1), (wide, 1), (wide, 1))
        ]
        self.weigh = layers.Conv2D(heads, 1, dtype="float32")
        self.decide = [
            layers.Dense(width, activation="relu" if width > 1 else None, dtype="float32")
            for width in (96, 32, 1)
        ]

    def build(self, input_shape=None):
        width = self.channels
        self.probe.build((None, None, None, width))
        width = self.probes * (4 if self.apart else 1) + 3 * width
        for layer in self.look:
            layer.build((None, None, None, width))
            width = layer.filters
        self.weigh.build((None, None, None, width))
        width *= self.heads + 1
        for layer in self.decide:
            layer.build((None, width))
            width = layer.units
        self.built = True

    def call(self, image):
        if len(image.shape) != 4 or image.shape[-1] != self.channels:
            raise ValueError(
                f"expected `image` of shape (batch, height, width, {self.channels}), "
                f"got {tuple(image.shape)}"
            )
        x = ops.cast(self._local_statistics(ops.cast(image, "float32")), self.compute_dtype)
        for layer in self.look:
            # Zeros would mark the border, and with it the size of the image.
            x = layer(ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric"))
        x = self._averages(ops.cast(x, "float32"))
        for layer in self.decide:
            x = layer(x)
        return KNEE * ops.expm1(x[:, 0])

    def over_grid(self, image: Any, rank: int | None = None) -> Any:
        """Estimates the level over a grid of crops, which overlap in small images.

        Args:
            image: float ``(batch, height, width, channels)`` in [0, 1], sides of `min_side` and up.
            rank: Which of the nine estimates it is, from 0 for the lowest; by default `rank`.

        Returns:
            float32 ``(batch,)`` in `unit`, 0 and up. Always the same for the same picture.
        """
        shape = ops.shape(image)
        rows, columns = (self._crops(side) for side in shape[1:3])
        crops = [
            image[:, top : top + height, left : left + width]
            for top, height in rows
            for left, width in columns
        ]
        levels = self(ops.concatenate(crops, axis=0))
        levels = ops.sort(ops.reshape(levels, (len(crops), -1)), axis=0)
        return ops.maximum(levels[self.rank if rank is None else rank], 0.0)

    def _crops(self, side):
        """Where the crops of the grid begin along a side, and how long they are."""
        length = min(side, self.crop) if isinstance(side, int) else ops.minimum(side, self.crop)
        return [((side - length) * step // (self.grid - 1), length) for step in range(self.grid)]

    def _local_statistics(self, image):
        """Energies, colour and clipped shares of squares of 4 pixels."""
        energy = ops.square(self.probe(image))
        if self.apart:
            energy = _squares_apart(energy)
        else:
            # With strides left to default Keras 3.15 fails on JAX.
            energy = ops.average_pool(energy, 2, strides=2, data_format="channels_last")
        # The probes see two pixels beyond their square on each side.
        inner = image[:, 2:-2, 2:-2]
        # Half a step of 8 bits: what was floored or rounded counts as clipped too.
        black = ops.cast(inner < 0.5 / 255, "float32")
        white = ops.cast(inner > 254.5 / 255, "float32")
        plain = ops.concatenate([inner, black, white], axis=-1)
        plain = ops.average_pool(plain, 4, strides=4, data_format="channels_last")
        return ops.concatenate([0.25 * ops.log(energy + self.floor) + 1.0, plain], axis=-1)

    def _averages(self, x):
        """Averages over positions: ``(batch, height, width, c) -> (batch, (heads + 1) * c)``."""
        batch, width = ops.shape(x)[0], x.shape[-1]
        weights = ops.softmax(ops.reshape(self.weigh(x), (batch, -1, self.heads)), axis=1)
        x = ops.reshape(x, (batch, -1, width))
        weighted = ops.matmul(ops.transpose(weights, (0, 2, 1)), x)
        averages = ops.concatenate([ops.mean(x, axis=1, keepdims=True), weighted], axis=1)
        return ops.reshape(averages, (batch, (self.heads + 1) * width))

    def with_precision(self, precision: str) -> "LevelEstimator":
        """Returns this network in another precision; see `HyperRes.with_precision`."""
        return in_precision(self, precision)

    @classmethod
    def from_preset(cls, name: str) -> "LevelEstimator":
        """Returns an estimator that ships: the name of a folder of `saved_models`.

        Raises:
            ValueError: If no such estimator exists; the text lists those that do.
        """
        return from_preset(cls, name, {})

    def get_config(self):
        config = super().get_config()
        config.pop("autocast", None)
        return {
            **config,
            "dtype": self.dtype_policy.name,
            "channels": self.channels,
            "probes": self.probes,
            "filters": self.filters,
            "heads": self.heads,
            "apart": self.apart,
            "floor": self.floor,
            "rank": self.rank,
            "task": self.task,
            **({"axis": self.axis} if self.axis else {}),
            "unit": self.unit,
            "level_range": self.level_range,
        }


def _squares_apart(x):
    """The four samples of squares of 2 as channels; an odd last row or column is dropped."""
    rows, columns = (ops.shape(x)[axis] // 2 * 2 for axis in (1, 2))
    x = x[:, :rows, :columns]
    corners = [x[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return ops.concatenate(corners, axis=-1)
