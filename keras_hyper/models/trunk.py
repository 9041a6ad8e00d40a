"""The network of Fig. 1, whatever its convolutions are."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

from keras_hyper.layers import DepthToSpace
from keras_hyper.layers.generated import apart

TAILS = ("paper", "light")
# Where convolutions are; `conv1` and `conv2` are those of a residual block.
PLACES = ("head", "conv1", "conv2", "down", "up", "skip", "expand", "merge", "tail")


class MainNetwork(keras.Model):
    """The trunk that the adaptive network and the plain one share.

    A stride-2 convolution, residual blocks, a convolution that closes the long skip, and a tail
    that returns to the full resolution. With several scales the trunk is a U-Net: blocks at half
    resolution, then at a quarter, and so on, and back, with a skip connection at every scale. A
    subclass creates convolutions in `conv_at` or whole blocks in `block_at`; its `call` runs
    `run_layers`.

    Args:
        channels: 1 for gray, 3 for RGB.
        blocks: Number of residual blocks, at least 1; 16 in the paper. One number a scale makes a
            U-Net: all but the last are the blocks on the way down, and again on the way up.
        filters: Number of features, 64 in the paper; with several scales one number a scale.
        image_residual: Whether the image is added to the output. The paper's network has no such
            path; with one it learns several times faster.
        tail: ``"paper"``: pixel shuffle by 2, then two convolutions at full resolution.
            ``"light"``: one convolution at half resolution, then pixel shuffle, as in FFDNet; a
            small part of the operations.
        expansion: Features between the two convolutions of a block, as a multiple of `filters`.
        task: Name of the task it is trained for, kept for whoever loads the file.
        unit: What a level of 1 means, in words.

    Raises:
        ValueError: If an argument makes no network.

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, figure 1. Zhang et al., IEEE TIP 27 (2018), for the
        light tail (FFDNet).
    """

    def __init__(
        self,
        channels: int = 3,
        blocks: int | Sequence[int] = 16,
        filters: int | Sequence[int] = 64,
        image_residual: bool = True,
        tail: str = "paper",
        expansion: int = 1,
        task: str = "",
        unit: str = "",
        **kwargs: Any,
    ):
        # Keras would round image and level to the compute type; both ends stay in float32.
        super().__init__(autocast=False, **kwargs)
        if channels not in (1, 3):
            raise ValueError(f"expected 1 or 3 `channels`, got {channels=}")
        if tail not in TAILS:
            raise ValueError(f"expected `tail` to be one of {TAILS}, got {tail=}")
        self.channels, self.image_residual, self.tail_form = channels, image_residual, tail
        self.expansion, self.task, self.unit = expansion, task, unit
        numbers = [[n] if isinstance(n, int) else list(n) for n in (blocks, filters)]
        if not numbers[0] or min(numbers[0]) < 1 or len(numbers[0]) != len(numbers[1]):
            raise ValueError(
                "expected `blocks` of at least 1, with as many numbers as `filters`, "
                f"got {blocks=}, {filters=}"
            )
        self.blocks, self.filters = (
            n if isinstance(n, int) else list(n) for n in (blocks, filters)
        )
        self.scales = list(zip(*numbers, strict=True))
        self._create_layers()

    def _create_layers(self):
        width = self.scales[0][1]
        inner: dict[str, Any] = {"dtype": self.dtype_policy}
        outer: dict[str, Any] = {"dtype": "float32"}
        he_normal: dict[str, Any] = {"kernel_initializer": he()}
        self.head = self.conv_at(
            "head", width, strides=2, padding="valid", name="head", **outer, **he_normal
        )
        self._create_blocks(inner)
        # Exact inverses in size: 2x2 pixels become one and one becomes 2x2.
        self.downs = [
            self.conv_at("down", features, 2, strides=2, name=f"down{scale}", **inner)
            for scale, (_, features) in enumerate(self.scales[1:], 1)
        ]
        self.ups = [
            self.conv_at("up", 4 * features, 1, name=f"up{scale}", **inner)
            for scale, (_, features) in enumerate(self.scales[:-1], 1)
        ]
        inner_conv = {**inner, **he_normal}
        self.skip = self.conv_at("skip", width, name="skip", **inner_conv)
        # With the image added to the output, a small tail begins at "change almost nothing".
        start = {"kernel_initializer": he(0.01 if self.image_residual else 1.0), **outer}
        if self.tail_form == "paper":
            self.shuffle = DepthToSpace(2, name="shuffle", **inner)
            self.expand = self.conv_at("expand", 4 * width, name="expand", **inner_conv)
            self.merge = self.conv_at("merge", width, name="merge", **inner_conv)
            self.tail = self.conv_at("tail", self.channels, name="tail", **start)
        else:
            self.shuffle = DepthToSpace(2, name="shuffle", **outer)
            self.tail = self.conv_at("tail", 4 * self.channels, name="tail", **start)

    def _create_blocks(self, kwargs: dict[str, Any]):
        # A layer for each block, None where the block is two convolutions.
        self.block_layers, self.block_convs = [], []
        for block, features in enumerate(self._widths(), 1):
            name = f"block{block:02d}"
            layer = self.block_at(block, features, name=name, **kwargs)
            self.block_layers.append(layer)
            for place in ("conv1", "conv2") if layer is None else ():
                # 0.3 times an ordinary start, so that the blocks begin near the identity.
                start = {"kernel_initializer": he(0.3), **kwargs}
                wide = features * self.expansion if place == "conv1" else features
                conv = self.conv_at(place, wide, name=f"{name}_{place}", **start)
                self.block_convs.append(conv)

    def _widths(self):
        """The features of each block, in the order in which they run."""
        down = [width for blocks, width in self.scales for _ in range(blocks)]
        up = [width for blocks, width in self.scales[-2::-1] for _ in range(blocks)]
        return down + up

    def conv_at(self, place: str, filters: int, kernel_size: int = 3, **kwargs: Any) -> Any:
        """Returns the convolution of one of `PLACES`; `kwargs` as of `keras.layers.Conv2D`."""
        return layers.Conv2D(filters, kernel_size, **{"padding": "same", **kwargs})

    def block_at(self, index: int, filters: int, **kwargs: Any) -> Any:
        """Returns the layer of block `index`, from 1; None for two convolutions and a skip."""
        return None

    def build(self, input_shape=None):
        def built(layer, width):
            layer.build((None, None, None, width))

        widths = [width for _, width in self.scales]
        built(self.head, self.channels)
        convs = iter(self.block_convs)
        for layer, width in zip(self.block_layers, self._widths(), strict=True):
            if layer is not None:
                built(layer, width)
                continue
            built(next(convs), width)
            built(next(convs), width * self.expansion)
        for layer, width in zip(self.downs, widths, strict=False):
            built(layer, width)
        for layer, width in zip(self.ups, widths[1:], strict=True):
            built(layer, width)
        built(self.skip, widths[0])
        if self.tail_form == "paper":
            built(self.expand, widths[0])
            built(self.shuffle, 4 * widths[0])
            built(self.merge, widths[0])
        else:
            built(self.shuffle, 4 * self.channels)
        built(self.tail, widths[0])
        self.built = True

    def run_layers(self, image: Any, convolve: Callable, training: bool = False) -> Any:
        """Restores an image.

        Args:
            image: float32 ``(batch, height, width, channels)`` of any sides.
            convolve: ``(layer, features, scale) -> features`` runs a convolution or a block; scale
                -1 is the resolution of the image, 0 half of it, 1 a quarter.
            training: Whether this is a step of a training.

        Returns:
            float32, of the image's shape.
        """
        image, crop = pad_to_multiple(image, self.multiple)
        return crop(self.decode(image, self.encode(image, convolve), convolve, training))

    def encode(self, image: Any, convolve: Callable = lambda layer, x, scale: layer(x)) -> Any:
        """Returns the head's features of a padded image; see `run_layers`."""
        # One pixel of zeros on all four sides, as the authors have it: Keras's "same" would pad
        # only below and to the right here, and shift the image.
        head = convolve(self.head, ops.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0))), 0)
        return ops.cast(head, self.compute_dtype)

    def decode(self, image: Any, head: Any, convolve: Callable, training: bool = False) -> Any:
        """Returns the restored image from the head's features; arguments as of `run_layers`."""
        block_layers, convs = iter(self.block_layers), iter(self.block_convs)

        def add(features, outputs):
            # In training one run follows another, and the gradient of `apart` would make a step
            # take 5 to 10 % longer.
            return features + (outputs if training else apart(outputs))

        def run(x, blocks, scale):
            for _ in range(blocks):
                layer = next(block_layers)
                if layer is not None:
                    x = convolve(layer, x, scale)
                    continue
                outputs = convolve(next(convs), x, scale)
                outputs = convolve(next(convs), ops.relu(outputs), scale)
                x = add(x, outputs) if x is head else x + outputs
            return x

        x, skips = head, []
        for scale, down in enumerate(self.downs):
            x = run(x, self.scales[scale][0], scale)
            skips.append(x)
            x = convolve(down, x, scale + 1)
        x = run(x, self.scales[-1][0], len(self.downs))
        for scale in reversed(range(len(self.ups))):
            up = convolve(self.ups[scale], x, scale + 1)
            up = ops.depth_to_space(up, 2, data_format="channels_last")
            x = run(skips.pop() + up, self.scales[scale][0], scale)
        x = add(head, convolve(self.skip, x, 0))
        if self.tail_form == "paper":
            x = ops.relu(self.shuffle(convolve(self.expand, x, 0)))
            x = convolve(self.tail, ops.relu(convolve(self.merge, x, -1)), -1)
        else:
            x = self.shuffle(convolve(self.tail, x, 0))
        return add(image, x) if self.image_residual else x

    def export(self, filepath: Any, format: str = "tf_saved_model", **kwargs: Any) -> None:
        """Exports as `keras.Model.export` does, for images of any batch and size.

        An ONNX file is compared with the network by onnxruntime before it is written.
        ``keras-hyper export --format onnx`` writes one of a single level for all images, with
        clipped output and a card: what the engines use.

        Args:
            filepath: The folder of the SavedModel, or of ``model.onnx``; a name that ends in
                ``.onnx`` is the file itself.
            format: ``"tf_saved_model"`` (not under PyTorch), ``"onnx"`` (under TensorFlow), or
                another format of Keras.
            **kwargs: Of `keras.Model.export`; of ``"onnx"`` `verbose` alone.

        Raises:
            ValueError: If the backend does not export to the format, or the ONNX file's results
                differ from the network's.
        """
        check_exports(format, only_tensorflow=("onnx",))
        if not self.built:
            self.build()
        if format == "onnx":
            if kwargs.keys() - {"verbose"}:
                raise ValueError(f"expected no arguments but `verbose`, got {sorted(kwargs)}")
            # The package of exports is built on this one.
            from keras_hyper.export.onnx import export_as_keras_does

            export_as_keras_does(self, filepath)
            return
        signature = kwargs.pop("input_signature", None) or [self.input_signature]
        super().export(filepath, format, input_signature=signature, **kwargs)

    @property
    def input_signature(self) -> Any:
        """The inputs of the call, as `keras.InputSpec`."""
        return keras.InputSpec("float32", (None, None, None, self.channels), name="image")

    def check_image(self, image: Any) -> Any:
        """Returns `image` as float32, or raises ValueError if its shape or type does not fit."""
        if len(image.shape) != 4 or image.shape[-1] != self.channels:
            raise ValueError(
                f"expected an image of shape (batch, height, width, {self.channels}), "
                f"got {tuple(image.shape)}"
            )
        dtype = keras.backend.standardize_dtype(image.dtype)
        if "float" not in dtype:
            raise ValueError(f"expected a float image in [0, 1], got {dtype}: divide it by 255")
        return ops.cast(image, "float32")

    @property
    def multiple(self) -> int:
        """Sides are padded to multiples of this, in pixels."""
        return 2 ** len(self.scales)

    @property
    def halo(self) -> int:
        """Margin in pixels that determines an output pixel, a multiple of `multiple`."""
        reach = 2 * self.scales[-1][0]  # in cells of the coarsest scale
        for blocks, _ in self.scales[-2::-1]:
            reach = 2 * reach + 1 + 4 * blocks
        # Skip and expand, or skip and the light tail, at half resolution; the head.
        reach = 2 * (reach + 2) + 2
        # Two convolutions at full resolution.
        reach += 2 if self.tail_form == "paper" else 0
        return -(-reach // self.multiple) * self.multiple

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
            "tail": self.tail_form,
            "expansion": self.expansion,
            "task": self.task,
            "unit": self.unit,
        }


def check_exports(format: str, only_tensorflow: Sequence[str] = ()) -> None:
    """Raises ValueError if networks are not exported to `format` under this backend of Keras.

    Args:
        format: Of `keras.Model.export`.
        only_tensorflow: Formats that TensorFlow alone writes.
    """
    backend = keras.backend.backend()
    refused = (*only_tensorflow, *(("tf_saved_model",) if backend == "torch" else ()))
    if backend != "tensorflow" and format in refused:
        raise ValueError(
            f"expected the backend tensorflow for format={format!r}, got {backend}: save the "
            "network, and load and export it with KERAS_BACKEND=tensorflow"
        )


def he(start: float = 1.0) -> keras.Initializer:
    """Returns He's initializer, times `start`."""
    return keras.initializers.VarianceScaling(2.0 * start**2, "fan_in")


def pad_to_multiple(image: Any, multiple: int) -> tuple[Any, Callable]:
    """Pads below and to the right by reflection until both sides are multiples.

    Args:
        image: ``(batch, height, width, channels)``; sides may be unknown while tracing.
        multiple: At least 1.

    Returns:
        The padded image and a function that crops ``(batch, height', width', channels)`` back to
        the image's height and width.
    """
    _, height, width, _ = ops.shape(image)
    padded = image
    for axis, side in ((1, height), (2, width)):
        if isinstance(side, int) and side % multiple == 0:
            continue
        # Of numbers that are not negative: a conversion to ONNX takes others' remainder wrongly.
        index = ops.arange((side + multiple - 1) // multiple * multiple)
        last = side - 1
        # Triangle wave with period 2 * last; a single pixel repeats (its period would be 0).
        period = ops.maximum(2 * last, 1)
        index = index % period
        index = ops.minimum(ops.where(index > last, period - index, index), last)
        padded = ops.take(padded, index, axis=axis)
    return padded, lambda result: result if padded is image else result[:, :height, :width]
