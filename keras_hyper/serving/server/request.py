"""A Predict request of either transport, and the checks before the graph runs."""

import io
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin

from keras_hyper.serving.server.errors import invalid
from keras_hyper.serving.server.tensors import type_name

# Bounds the values of a request, whatever the last side of its shape is.
MOST_CHANNELS = 4
# The formats of `tf.io.decode_image`. These classes read the header alone; `Image.open` also warns
# of large sizes.
_FORMATS: dict[bytes, Callable[[Any], Any]] = {
    b"\x89PNG": PngImagePlugin.PngImageFile,
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"GIF8": GifImagePlugin.GifImageFile,
    b"BM": BmpImagePlugin.BmpImageFile,
}


@dataclass(frozen=True)
class Request:
    """A Predict request.

    Args:
        model: The model's name.
        read: ``(SignatureDef) -> raw inputs by name``.
        shape: ``(name, raw input) -> shape`` that it claims; allocates nothing for it.
        convert: ``(name, raw input, TensorInfo) -> array``.
        version: None for the newest.
        label: A version's label, or empty.
        signature: Its name; empty for the default one.
        outputs: Names of the requested outputs; empty for all.
        value_bytes: Bytes of each value besides its array, while it is read.
        answer_copies: Memory of a whole answer to that of its arrays.
    """

    model: str
    read: Callable[[Any], Mapping[str, Any]]
    shape: Callable[[str, Any], tuple[int, ...]]
    convert: Callable[[str, Any, Any], np.ndarray]
    version: int | None = None
    label: str = ""
    signature: str = ""
    outputs: tuple[str, ...] = ()
    value_bytes: int = 0
    answer_copies: int = 5


def inputs_of(
    request: Request, definition: Any, max_pixels: int, reserve: Callable[[int], None]
) -> dict[str, np.ndarray]:
    """Reads the inputs and checks them against the signature.

    Python's session casts what does not fit, and TF-Serving's passes it on, so that type and shape
    are checked here, in this order.

    Args:
        request: The request.
        definition: The SignatureDef.
        max_pixels: Most pixels of all pictures of the request.
        reserve: Called with the bytes of the arrays, before memory is allocated for them.

    Returns:
        Arrays by input name.

    Raises:
        ServingError: INVALID_ARGUMENT; the text says what was expected and what came.
    """
    raw = request.read(definition)
    _check_names(definition, raw)
    shapes = {name: request.shape(name, raw[name]) for name in definition.inputs}
    check_sizes(shapes, max_pixels)
    dtypes = {name: tf.as_dtype(info.dtype) for name, info in definition.inputs.items()}
    reserve(
        sum(
            math.prod(shape) * (dtypes[name].size + request.value_bytes)
            for name, shape in shapes.items()
        )
    )
    arrays = {}
    for name, info in definition.inputs.items():
        array = request.convert(name, raw[name], info)
        got = tf.as_dtype(array.dtype if array.dtype != object else tf.string).as_datatype_enum
        if got != info.dtype:
            raise invalid(
                f"Type mismatch: {name}: actual {type_name(got)} vs. expect {type_name(info.dtype)}"
            )
        expected = tf.TensorShape(info.tensor_shape)
        if not expected.is_compatible_with(array.shape):
            raise invalid(f"{name}: expected shape {expected}, got {list(array.shape)}")
        if name.endswith("_bytes"):
            _check_files(name, array, max_pixels)
        arrays[name] = array
    return arrays


def units_of(inputs: Mapping[str, np.ndarray]) -> int:
    """Returns the pixels of all pictures to be restored, or the rows of other inputs.

    One picture with several levels counts once for each.
    """
    rows = max((len(array) for array in inputs.values() if array.ndim), default=1)
    units = [rows]
    for name, array in inputs.items():
        if array.ndim == 4:
            units.append(rows * math.prod(array.shape[1:3]))
        elif name.endswith("_bytes"):
            units.append(sum(file_pixels(name, data) for data in array.flat))
    return max(units)


def check_outputs(names: tuple[str, ...], definition: Any) -> None:
    """Checks an output filter.

    Raises:
        ServingError: INVALID_ARGUMENT for an unknown name or a repeated one.
    """
    for number, name in enumerate(names):
        if name not in definition.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} Outputs expected to be in "
                f"the set {_set(definition.outputs)}."
            )
        if name in names[:number]:
            raise invalid(f"duplicate output tensor alias: {name}")


def _set(names):
    return "{" + ",".join(sorted(names)) + "}"


def _check_names(definition, raw):
    """Checks the inputs' names; the texts are TF-Serving's."""
    expected, got = set(definition.inputs), set(raw)
    if len(expected) != len(got):
        raise invalid(
            f"input size does not match signature: {len(got)}!={len(expected)} len({_set(got)}) "
            f"!= len({_set(expected)}). Sent extra: {_set(got - expected)}. "
            f"Missing but required: {_set(expected - got)}."
        )
    for name in sorted(expected - got):
        raise invalid(
            f"Signature input alias: {name}(feed name: {definition.inputs[name].name}) not found "
            "in request and no default value provided. Inputs expected to be in the request "
            f"{_set(expected)}, or default input alias set: "
        )


def check_sizes(shapes: Mapping[str, tuple[int, ...]], max_pixels: int) -> None:
    """Limits the pixels of the inputs, and of the outputs where one picture has many levels.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    batch = max((shape[0] for shape in shapes.values() if shape), default=1)
    for name, shape in shapes.items():
        pixels = batch * math.prod(shape[1:3]) if len(shape) == 4 else math.prod(shape)
        if pixels > max_pixels or math.prod(shape) > MOST_CHANNELS * max_pixels:
            raise invalid(
                f"{name}: shape {list(shape)}, {pixels} pixels in all, is beyond this server's "
                f"limit of {max_pixels} pixels a request"
            )


def _check_files(name, files, max_pixels):
    """Checks the sizes in the headers, since decoding allocates memory for them."""
    pixels = 0
    for data in files.ravel():
        pixels += file_pixels(name, data)
        if pixels > max_pixels:
            raise invalid(
                f"{name}: pictures of {pixels} pixels are beyond this server's limit of "
                f"{max_pixels} pixels a request"
            )


def file_pixels(name: str, data: bytes) -> int:
    """Returns the pixels that the header of a picture file claims.

    Raises:
        ServingError: INVALID_ARGUMENT for another format or a damaged header.
    """
    # Chosen by the first bytes, as the graph's decoder does.
    kind = next((kind for start, kind in _FORMATS.items() if data.startswith(start)), None)
    if kind is None:
        raise invalid(f"{name}: Unknown image file format. One of JPEG, PNG, GIF, BMP required.")
    try:
        with kind(io.BytesIO(data)) as picture:
            return math.prod(picture.size)
    except (OSError, ValueError, SyntaxError, struct.error, IndexError) as error:
        raise invalid(f"{name}: a picture's header is damaged: {error}") from error
