import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from keras_hyper.serving.server.errors import ServingError
from keras_hyper.serving.server.tensors import fill, to_array

ARRAYS = {
    "float": np.linspace(-1, 1, 24, dtype=np.float32).reshape(1, 2, 4, 3),
    "all bytes": np.arange(256, dtype=np.uint8).reshape(4, 64),
    "empty": np.zeros((0, 3), np.uint8),
    "texts": np.array([b"a", b"", b"\xff\x00"], object),
    "int64": np.array([[-1, 1 << 40]]),
    "scalar": np.float32(2.5).reshape(()),
}


@pytest.mark.parametrize("as_content", [False, True])
@pytest.mark.parametrize("name", ARRAYS)
def test_tensorflow_reads_the_written_tensor(name, as_content):
    array, tensor = ARRAYS[name], tensor_pb2.TensorProto()
    fill(tensor, array, as_content)
    read = tf.make_ndarray(tensor)
    assert read.dtype == array.dtype and read.shape == array.shape
    np.testing.assert_array_equal(read, array)
    np.testing.assert_array_equal(to_array("x", tensor), array)


@pytest.mark.parametrize("name", ["float", "all bytes"])
def test_message_equals_one_filled_by_protobuf(name):
    array, tensor, slow = ARRAYS[name], tensor_pb2.TensorProto(), tensor_pb2.TensorProto()
    fill(tensor, array)
    slow.CopyFrom(tf.make_tensor_proto(array))
    slow.tensor_content = b""
    field = slow.float_val if name == "float" else slow.int_val
    field.extend(array.ravel().tolist())
    assert tensor == slow and tensor.SerializeToString() == slow.SerializeToString()


def of(dtype, shape, **fields):
    tensor = tensor_pb2.TensorProto(dtype=tf.as_dtype(dtype).as_datatype_enum, **fields)
    for side in shape:
        tensor.tensor_shape.dim.add().size = side
    return tensor


def test_last_value_fills_the_rest():
    read = to_array("x", of("float32", (2, 2), float_val=[1, 5]))
    np.testing.assert_array_equal(read, [[1, 5], [5, 5]])
    np.testing.assert_array_equal(to_array("x", of("uint8", (3,))), [0, 0, 0])
    assert to_array("x", of("string", (2,))).tolist() == [b"", b""]


@pytest.mark.parametrize(
    "tensor",
    [
        of("float32", (2,), tensor_content=b"123"),
        of("float32", (1,), float_val=[1, 2]),
        of("string", (1,), tensor_content=b"x"),
        of("float32", (-1,)),
        of("float32", (0, (1 << 63) - 1)),
        of("float32", (1,) * 40),
        of("uint8", (2,), int_val=[1, 256]),
        of("uint8", (2,), int_val=[1, -1]),
        of("complex64", (1,)),
        tensor_pb2.TensorProto(dtype=999),
        tensor_pb2.TensorProto(),
    ],
)
def test_tensor_of_wrong_size_is_refused(tensor):
    with pytest.raises(ServingError) as caught:
        to_array("image", tensor)
    assert caught.value.code.name == "INVALID_ARGUMENT"
