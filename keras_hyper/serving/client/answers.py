"""Answers, read without making a Python number of every pixel.

TF-Serving answers in typed fields (``float_val``, ``int_val``), which protobuf turns into lists:
some 25 ms for a picture of 512x512. A packed field lies on the wire as a ``bytes`` field does, so
the messages here are TF-Serving's own with these two fields declared as bytes.
"""

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2

_PACKED = ("float_val", "int_val")


def _answer_class():
    # A pool of our own: the real messages are loaded in the same process.
    pool = descriptor_pool.DescriptorPool()
    _add(pool, predict_pb2.DESCRIPTOR, set())
    name = predict_pb2.PredictResponse.DESCRIPTOR.full_name
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def _add(pool, file, added):
    if file.name in added:
        return
    added.add(file.name)
    for imported in file.dependencies:
        _add(pool, imported, added)
    copy = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(copy)
    for message in copy.message_type:
        if message.name == "TensorProto":
            for field in message.field:
                if field.name in _PACKED:
                    field.type = field.TYPE_BYTES
                    field.ClearField("options")
    pool.Add(copy)


PredictAnswer = _answer_class()


def arrays(answer) -> dict[str, np.ndarray]:
    """Returns the outputs of a `PredictAnswer` by name; do not write to them."""
    return {name: _array(tensor) for name, tensor in answer.outputs.items()}


def _array(tensor):
    shape = [side.size for side in tensor.tensor_shape.dim]
    values = _values(tensor)
    if values is not None and values.size == int(np.prod(shape)):
        return values.reshape(shape)
    # Other types, one number for the whole tensor, fields that are not packed.
    return tf.make_ndarray(tensor_pb2.TensorProto.FromString(tensor.SerializeToString()))


def _values(tensor):
    if tensor.dtype == types_pb2.DT_FLOAT:
        return np.frombuffer(tensor.tensor_content or b"".join(tensor.float_val), "<f4")
    if tensor.dtype == types_pb2.DT_UINT8:
        if tensor.tensor_content:
            return np.frombuffer(tensor.tensor_content, np.uint8)
        return _bytes_of_varints(np.frombuffer(b"".join(tensor.int_val), np.uint8))
    return None


def _bytes_of_varints(data):
    """Numbers up to 255 as they lie in a packed field; None if there is another among them.

    Each is one byte of seven bits, or two: a high bit says that one more byte follows, which holds
    what is above.
    """
    begins = np.ones(data.size, bool)
    begins[1:] = data[:-1] < 128
    numbers, above = data[begins], data[~begins]
    two = numbers >= 128
    if np.count_nonzero(two) != above.size or (above > 1).any():
        return None
    numbers[two] = numbers[two] & 127 | above << 7
    return numbers
