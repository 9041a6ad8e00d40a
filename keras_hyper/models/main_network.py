"""The network of Fig. 1, whatever the convolutions of its residual blocks are."""

import keras
from keras import layers, ops

from keras_hyper.image_size import pad_to_multiple
from keras_hyper.layers import DepthToSpace


class MainNetwork(keras.Model):
    """What the adaptive network and the plain one have in common.

    A stride-2 convolution, residual blocks, a convolution that closes the long skip, pixel shuffle
    by 2, two convolutions. A subclass says what the blocks' convolutions are, by `block_conv`, and
    `call`s `walk`.

    Args:
        channels: 1 for gray, 3 for RGB.
        blocks: Number of residual blocks, at least 1.
        filters: Width of the features.
        image_residual: Whether the picture itself is added to the output.
        task: Name of the task.
        unit: What a level of 1 means, in words.

    Raises:
        ValueError: If `channels` or `blocks` makes no network.

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, figure 1.
    """

    def __init__(
        self,
        channels=3,
        blocks=16,
        filters=64,
        image_residual=True,
        task="",
        unit="",
        **kwargs,
    ):
        # Keras would round image and level to the compute type; both ends stay in float32.
        super().__init__(autocast=False, **kwargs)
        if channels not in (1, 3):
            raise ValueError(f"`channels` must be 1 or 3. Received: channels={channels!r}")
        if blocks < 1:
            raise ValueError(f"`blocks` must be at least 1. Received: blocks={blocks!r}")
        self.channels = channels
        self.blocks = blocks
        self.filters = filters
        self.image_residual = image_residual
        self.task = task
        self.unit = unit
        inner = self.dtype_policy
        self.head = convolution(filters, strides=2, padding="valid", dtype="float32", name="head")
        self.block_convs = [
            self.block_conv(dtype=inner, name=f"block{block:02d}_conv{conv}")
            for block in range(1, blocks + 1)
            for conv in (1, 2)
        ]
        self.skip = convolution(filters, dtype=inner, name="skip")
        self.expand = convolution(4 * filters, dtype=inner, name="expand")
        self.shuffle = DepthToSpace(2, dtype=inner, name="shuffle")
        self.merge = convolution(filters, dtype=inner, name="merge")
        # With the picture added to the output, a small tail begins at "change almost nothing".
        start = 0.01 if image_residual else 1.0
        self.tail = convolution(channels, start=start, dtype="float32", name="tail")

    def block_conv(self, **kwargs):
        """Returns one convolution of a residual block: `filters` to `filters`, 3x3."""
        raise NotImplementedError  # pragma: no cover - what a subclass is for

    def build(self, input_shape=None):
        features = (None, None, None, self.filters)
        self.head.build((None, None, None, self.channels))
        for layer in (*self.block_convs, self.skip, self.expand, self.merge, self.tail):
            layer.build(features)
        self.shuffle.build((None, None, None, 4 * self.filters))
        self.built = True

    def walk(self, image, convolve):
        """Walks an image through Fig. 1.

        Args:
            image: float32 ``(batch, height, width, channels)`` of any sides.
            convolve: ``(layer, features) -> features`` for a convolution of a block.

        Returns:
            float32, of the image's shape.
        """
        image, crop = pad_to_multiple(image, 2)
        return crop(self.walk_on(image, self.walk_in(image), convolve))

    def walk_in(self, image):
        """Returns the head's features of an image with even sides: what no level changes."""
        # One pixel of zeros on all four sides, as the authors have it: Keras's "same" would pad
        # only below and to the right here, and shift the picture.
        head = self.head(ops.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0))))
        return ops.cast(head, self.compute_dtype)

    def walk_on(self, image, head, convolve):
        """Returns the image restored from the head's features; arguments as of `walk`."""
        x = head
        for first, second in zip(self.block_convs[::2], self.block_convs[1::2], strict=True):
            outputs = convolve(second, ops.relu(convolve(first, x)))
            x = _around(x, outputs) if x is head else x + outputs
        x = _around(head, self.skip(x))
        x = ops.relu(self.shuffle(self.expand(x)))
        x = self.tail(ops.relu(self.merge(x)))
        return _around(image, x) if self.image_residual else x

    def check_image(self, image):
        """Returns `image` as float32, or raises ValueError if its rank or channels do not fit."""
        if len(image.shape) != 4 or image.shape[-1] != self.channels:
            raise ValueError(
                f"`image` must have shape (batch, height, width, {self.channels}). "
                f"Received: image of shape {tuple(image.shape)}"
            )
        return ops.cast(image, "float32")

    @property
    def halo(self) -> int:
        """How far, in pixels, an output looks: cuts at even offsets beyond it change nothing."""
        # Half-resolution convolutions (two a block, skip, expand) reach 2 pixels each, the head
        # and the two at full resolution 1 each; rounded up, since a cut lies on an even offset.
        return 4 * self.blocks + 8

    def get_config(self):
        config = super().get_config()
        config.pop("autocast", None)
        return {
            **config,
            "dtype": self.dtype_policy.name,
            "channels": self.channels,
            "blocks": self.blocks,
            "filters": self.filters,
            "image_residual": self.image_residual,
            "task": self.task,
            "unit": self.unit,
        }


def _around(features, outputs):
    """Adds features that something else still reads to what a convolution made."""
    # TensorFlow makes convolution, bias and addition one kernel. oneDNN's (2.17 to 2.21 at least)
    # adds in place where it can, and elsewhere keeps a copy in the kernel itself, not in the run:
    # two runs at once then crash, or add each other's. An activation that changes nothing joins the
    # kernel in place of the addition.
    return features + ops.leaky_relu(outputs, negative_slope=1.0)


def convolution(filters, strides=1, padding="same", start=1.0, **kwargs):
    """An ordinary 3x3 convolution; `start` scales its first kernel."""
    return layers.Conv2D(
        filters,
        3,
        strides=strides,
        padding=padding,
        kernel_initializer=keras.initializers.VarianceScaling(2.0 * start**2, "fan_in"),
        **kwargs,
    )
