"""Tensors of messages to arrays and back, in about the time of a copy.

Filling a repeated field from a Python list takes 186 ms for a picture of 512x512. Here NumPy makes
the packed bytes and protobuf's C++ parses them, which gives an equal message in a few milliseconds.
"""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from keras_hyper.serving.server.errors import invalid

# Tags on the wire of TensorProto's packed fields: field number * 8 + 2.
_FLOAT_VAL, _INT_VAL = b"\x2a", b"\x3a"
# Every byte as a varint of two bytes; parsers accept a superfluous second byte (0).
_VARINTS = ((np.arange(256) | 0x80) | (np.arange(256) >> 7 << 8)).astype("<u2")
_MOST_VALUES = 1 << 40
# NumPy 1's limit.
_MOST_DIMENSIONS = 32
_FIELDS = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_UINT16: "int_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_STRING: "string_val",
}


def type_name(dtype: int) -> str:
    """Returns TensorFlow's name of a message's type, such as ``float``."""
    name = types_pb2.DataType.Name(dtype) if dtype in types_pb2.DataType.values() else str(dtype)
    return name.removeprefix("DT_").lower()


def shape_of(tensor: tensor_pb2.TensorProto) -> tuple[int, ...]:
    """Returns the shape that a message claims; nothing is allocated for it.

    Raises:
        ServingError: If the rank is unknown, a side is negative, or no array can be that large.
    """
    shape = tuple(dimension.size for dimension in tensor.tensor_shape.dim)
    if tensor.tensor_shape.unknown_rank or any(side < 0 for side in shape):
        raise invalid(f"expected a tensor of known shape, got {list(shape)}")
    # A side of 0 makes the product 0; NumPy limits the other sides all the same.
    if math.prod(max(side, 1) for side in shape) > _MOST_VALUES or len(shape) > _MOST_DIMENSIONS:
        raise invalid(f"expected a smaller tensor, got shape {list(shape)}")
    return shape


def to_array(name: str, tensor: tensor_pb2.TensorProto) -> np.ndarray:
    """Reads a tensor in either form: packed bytes, or the field of its type.

    Args:
        name: The input's name, for the error.
        tensor: The message. Check the claimed shape first.

    Returns:
        An array; of dtype object for strings. It may share memory with the message.

    Raises:
        ServingError: INVALID_ARGUMENT if the values do not fit the shape or the type is unknown.
    """
    if tensor.dtype not in _FIELDS:
        raise invalid(f"tensor parsing error: {name}: type {type_name(tensor.dtype)}")
    shape = shape_of(tensor)
    count = math.prod(shape)
    dtype = tf.as_dtype(tensor.dtype).as_numpy_dtype
    if tensor.tensor_content:
        if tensor.dtype == types_pb2.DT_STRING:
            raise invalid(f"tensor parsing error: {name}: expected strings in string_val")
        size = count * np.dtype(dtype).itemsize
        if len(tensor.tensor_content) != size:
            raise invalid(
                f"tensor parsing error: {name}: expected {size} bytes for shape {list(shape)}, "
                f"got {len(tensor.tensor_content)}"
            )
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    values = getattr(tensor, _FIELDS[tensor.dtype])
    if len(values) > count:
        raise invalid(
            f"tensor parsing error: {name}: expected {count} values for shape {list(shape)}, "
            f"got {len(values)}"
        )
    flat = _array_of_values(name, values, dtype)
    if len(flat) < count:
        # TensorProto's rule: the last value stands for all that follow; without values it is 0.
        last = flat[-1] if len(flat) else (b"" if dtype is object else dtype(0))
        flat = np.concatenate([flat, np.full(count - len(flat), last, dtype)])
    return flat.reshape(shape)


def _array_of_values(name, values, dtype):
    if np.dtype(dtype).kind not in "iu" or np.dtype(dtype).itemsize >= 4:
        return np.fromiter(values, dtype, len(values))
    wide = np.fromiter(values, np.int32, len(values))
    limits = np.iinfo(dtype)
    if wide.size and not limits.min <= wide.min() <= wide.max() <= limits.max:
        raise invalid(
            f"tensor parsing error: {name}: expected values of {limits.min} to {limits.max}"
        )
    return wide.astype(dtype)


def fill(tensor: tensor_pb2.TensorProto, array: np.ndarray, as_content: bool = False) -> None:
    """Writes an array into an empty message.

    Args:
        tensor: The message.
        array: The values.
        as_content: Packed bytes instead of the field of its type, which is TF-Serving's default;
            strings have a field only.
    """
    is_string = array.dtype == object
    if not is_string and not as_content and array.dtype not in (np.float32, np.uint8):
        tensor.CopyFrom(tf.make_tensor_proto(array))
        return
    dtype = tf.string if is_string else tf.as_dtype(array.dtype)
    tensor.dtype = dtype.as_datatype_enum
    for side in array.shape:
        tensor.tensor_shape.dim.add().size = side
    if is_string:
        tensor.string_val.extend(array.ravel().tolist())
    elif as_content:
        tensor.tensor_content = array.tobytes()
    elif array.size:
        is_float = array.dtype == np.float32
        packed = (array.astype("<f4", copy=False) if is_float else _VARINTS[array]).tobytes()
        tag = _FLOAT_VAL if is_float else _INT_VAL
        size, length = bytearray(), len(packed)  # as a varint
        while length > 127:
            size.append(length & 127 | 128)
            length >>= 7
        tensor.MergeFromString(tag + bytes([*size, length]) + packed)
