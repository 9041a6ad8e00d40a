"""Tensors of messages to arrays and back, in the time that a copy takes.

Filling a repeated field from a Python list costs 186 ms for a picture of 512x512; its packed bytes
are made here by NumPy and parsed by protobuf's own C, which gives an equal message in a few.
"""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from keras_hyper.serving.server.errors import invalid

# Tags on the wire of TensorProto's packed fields: field number * 8 + 2.
_FLOAT_VAL, _INT_VAL = b"\x2a", b"\x3a"
# Every byte as a varint of two bytes; a needless second one (0) is read as well.
_VARINTS = ((np.arange(256) | 0x80) | (np.arange(256) >> 7 << 8)).astype("<u2")
_MOST_VALUES = 1 << 40
# NumPy 1 has no more.
_MOST_SIDES = 32
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
    """Returns the name that TensorFlow has for a type of a message, such as ``float``."""
    name = types_pb2.DataType.Name(dtype) if dtype in types_pb2.DataType.values() else str(dtype)
    return name.removeprefix("DT_").lower()


def shape_of(tensor: tensor_pb2.TensorProto) -> tuple[int, ...]:
    """Returns the shape that a message claims; nothing is allocated for it.

    Raises:
        ServingError: If the rank is unknown, a side is negative, or no array could be that large.
    """
    shape = tuple(dimension.size for dimension in tensor.tensor_shape.dim)
    if tensor.tensor_shape.unknown_rank or any(side < 0 for side in shape):
        raise invalid(f"a tensor's shape must be known. Received: {list(shape)}")
    # Sides of 0 hide the others from a product; NumPy minds them all the same.
    if math.prod(max(side, 1) for side in shape) > _MOST_VALUES or len(shape) > _MOST_SIDES:
        raise invalid(f"a tensor cannot be that large. Received: {list(shape)}")
    return shape


def to_array(name: str, tensor: tensor_pb2.TensorProto) -> np.ndarray:
    """Reads a tensor in either form: packed bytes, or a field of its type.

    Args:
        name: The input's name, for the error.
        tensor: The message. Its shape is taken as it claims: check it before.

    Returns:
        An array; of dtype object for strings. It may share memory with the message.

    Raises:
        ServingError: INVALID_ARGUMENT if the bytes do not fit the shape or the type is not known.
    """
    if tensor.dtype not in _FIELDS:
        raise invalid(f"tensor parsing error: {name}: type {type_name(tensor.dtype)}")
    shape = shape_of(tensor)
    dtype = tf.as_dtype(tensor.dtype).as_numpy_dtype
    if tensor.tensor_content:
        if tensor.dtype == types_pb2.DT_STRING:
            raise invalid(f"tensor parsing error: {name}: strings belong into string_val")
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if len(tensor.tensor_content) != size:
            raise invalid(
                f"tensor parsing error: {name}: shape {list(shape)} takes {size} bytes, "
                f"{len(tensor.tensor_content)} came"
            )
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    return _of_field(name, tensor, dtype, shape)


def _of_field(name, tensor, dtype, shape):
    values = getattr(tensor, _FIELDS[tensor.dtype])
    count = math.prod(shape)
    if len(values) > count:
        raise invalid(
            f"tensor parsing error: {name}: shape {list(shape)} takes {count} values, "
            f"{len(values)} came"
        )
    flat = _from_values(name, values, dtype)
    if len(flat) < count:
        # By the rules of TensorProto the last value stands for all that follow; none means 0.
        last = flat[-1] if len(flat) else (b"" if dtype is object else dtype(0))
        flat = np.concatenate([flat, np.full(count - len(flat), last, dtype)])
    return flat.reshape(shape)


def _from_values(name, values, dtype):
    if np.dtype(dtype).kind not in "iu" or np.dtype(dtype).itemsize >= 4:
        return np.fromiter(values, dtype, len(values))
    wide = np.fromiter(values, np.int32, len(values))
    limits = np.iinfo(dtype)
    if wide.size and not limits.min <= wide.min() <= wide.max() <= limits.max:
        raise invalid(f"tensor parsing error: {name}: values must be {limits.min} to {limits.max}")
    return wide.astype(dtype)


def fill(tensor: tensor_pb2.TensorProto, array: np.ndarray, as_content: bool = False) -> None:
    """Writes an array into an empty message.

    Args:
        tensor: The message to fill.
        array: The values.
        as_content: Packed bytes instead of the field of its type, which is what TF-Serving
            answers with; strings have a field only.
    """
    if array.dtype in (np.float32, np.uint8) or (as_content and array.dtype != object):
        tensor.dtype = tf.as_dtype(array.dtype).as_datatype_enum
        for side in array.shape:
            tensor.tensor_shape.dim.add().size = side
        if as_content:
            tensor.tensor_content = array.tobytes()
        elif array.dtype == np.float32:
            _merge(tensor, _FLOAT_VAL, array.astype("<f4", copy=False).tobytes())
        else:
            _merge(tensor, _INT_VAL, _VARINTS[array].tobytes())
    elif array.dtype == object:
        tensor.dtype = types_pb2.DT_STRING
        for side in array.shape:
            tensor.tensor_shape.dim.add().size = side
        tensor.string_val.extend(array.ravel().tolist())
    else:
        tensor.CopyFrom(tf.make_tensor_proto(array))


def _merge(tensor, tag, packed):
    if packed:
        tensor.MergeFromString(tag + _varint(len(packed)) + packed)


def _varint(number):
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])
