"""Pictures as TF-Serving's tensors and back, without TensorFlow and without a Python loop.

TF-Serving answers in typed fields (``float_val``, ``int_val``). Protobuf reads these as lists, some
25 ms for a picture of 512x512. A packed field has the wire format of a ``bytes`` field, so that
`PackedTensor` declares both as bytes and NumPy reads them.
"""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image, PngImagePlugin

from keras_hyper.serving.client.tf_serving_pb2 import PackedTensor, Tensor

# TensorFlow's numbers of its data types.
DT_FLOAT, _DT_INT32, _DT_UINT8, _DT_STRING = 1, 3, 4, 7
_DTYPES: dict[int, np.dtype] = {
    DT_FLOAT: np.dtype("<f4"),
    _DT_INT32: np.dtype("<i4"),
    _DT_UINT8: np.dtype(np.uint8),
}


def to_tensor(array: np.ndarray) -> Tensor:
    """Returns the message of a float32, int32 or uint8 array, or of an object array of bytes."""
    tensor = Tensor()
    for side in array.shape:
        tensor.tensor_shape.dim.add(size=side)
    if array.dtype == object:
        tensor.dtype = _DT_STRING
        tensor.string_val.extend(array.ravel().tolist())
    else:
        tensor.dtype = next(number for number, dtype in _DTYPES.items() if dtype == array.dtype)
        tensor.tensor_content = array.tobytes()
    return tensor


def to_array(tensor: PackedTensor) -> np.ndarray:
    """Returns the array of an answered tensor; it may be read-only.

    Raises:
        ValueError: If the type is another than float32, int32, uint8 or string, or the values do
            not fit the shape.
    """
    shape = [side.size for side in tensor.tensor_shape.dim]
    if tensor.dtype == _DT_STRING:
        return np.array(list(tensor.string_val), object).reshape(shape)
    if tensor.dtype not in _DTYPES:
        raise ValueError(f"expected float32, int32, uint8 or string, got data type {tensor.dtype}")
    dtype = _DTYPES[tensor.dtype]
    values = None
    if tensor.tensor_content:
        values = np.frombuffer(tensor.tensor_content, dtype)
    elif tensor.dtype == DT_FLOAT:
        values = np.frombuffer(b"".join(tensor.float_val), dtype)
    elif tensor.dtype == _DT_UINT8:
        values = _uint8_of_varints(np.frombuffer(b"".join(tensor.int_val), np.uint8))
    count = int(np.prod(shape))
    if values is None or values.size != count:
        # Fields that are not packed, and one value that stands for the whole tensor.
        unpacked = Tensor.FromString(tensor.SerializeToString())
        numbers = unpacked.float_val if tensor.dtype == DT_FLOAT else unpacked.int_val
        values = np.array(numbers, dtype)
        if values.size == 1:
            values = np.repeat(values, count)
    return values.reshape(shape)


def _uint8_of_varints(data):
    """Decodes varints up to 255; returns None if there is a larger one.

    Each is one byte of seven bits, or two bytes: the high bit of the first says that a second one
    with the higher bits follows.
    """
    is_first = np.ones(data.size, bool)
    is_first[1:] = data[:-1] < 128
    numbers, higher = data[is_first], data[~is_first]
    has_second = numbers >= 128
    if np.count_nonzero(has_second) != higher.size or (higher > 1).any():
        return None
    numbers[has_second] = numbers[has_second] & 127 | higher << 7
    return numbers


class Form(NamedTuple):
    """A signature that restores pictures, and its encoding of them.

    Args:
        signature: Its name.
        input: Name of the picture's input.
        output: Name of the output.
        is_png: Whether pictures are PNG files instead of pixels.
    """

    signature: str
    input: str = "image"
    output: str = "restored"
    is_png: bool = False

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Returns ``(height, width, channels)`` as the signature's input, a batch of one."""
        if not self.is_png:
            return pixels[None]
        file = io.BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG")
        return np.array([file.getvalue()], object)

    def decode(self, output: np.ndarray) -> np.ndarray:
        """Returns the signature's output as ``(batch, height, width, channels)``."""
        if not self.is_png:
            return output
        # `Image.open` would limit the size; the answer is as large as the request.
        pixels = np.asarray(PngImagePlugin.PngImageFile(io.BytesIO(output[0])))
        return pixels.reshape(1, *pixels.shape[:2], -1)


FLOATS = Form("serving_default")
BYTES = Form("serving_uint8")
# Lossless: the answer equals that of BYTES. A clean picture takes half the bytes and a noisy one
# nearly as many; encoding takes some 30 ms at each end.
FILES = Form("serving_bytes", "image_bytes", "restored_bytes", is_png=True)
SWEEP = Form("sweep")


def smallest_form(
    signatures: frozenset[str], pixels: np.ndarray, channels: int, compress: bool
) -> Form:
    """Returns the form with the fewest bytes that loses nothing.

    Args:
        signatures: Names of the server's signatures.
        pixels: ``(height, width, 1 | 3)``.
        channels: Channels of the network. Where they differ from the picture's, the client mixes
            luma and colour in floats.
        compress: Whether PNG files are preferred to raw pixels.
    """
    if pixels.dtype == np.uint8 and pixels.shape[-1] == channels:
        for form in (FILES, BYTES) if compress else (BYTES, FILES):
            if form.signature in signatures:
                return form
    return FLOATS
