"""The quick way to read answers, held against TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.internal import encoder
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from keras_hyper.serving.client.answers import PredictAnswer, arrays


def read(tensor):
    response = predict_pb2.PredictResponse()
    response.outputs["restored"].CopyFrom(tensor)
    return arrays(PredictAnswer.FromString(response.SerializeToString()))["restored"]


def typed(array):
    tensor = tensor_pb2.TensorProto(dtype=tf.as_dtype(array.dtype).as_datatype_enum)
    for side in array.shape:
        tensor.tensor_shape.dim.add(size=side)
    field = tensor.float_val if array.dtype == np.float32 else tensor.int_val
    field.extend(array.ravel().tolist())
    return tensor


def draw(rng, dtype, shape):
    return (rng.random(shape) * 256).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int32"])
@pytest.mark.parametrize("shape", [(2, 5, 7, 3), (1, 1, 1, 1), (0, 3), ()])
def test_both_forms_equal_tensorflows_reading(rng, dtype, shape):
    array = np.asarray(draw(rng, dtype, shape))
    for tensor in (typed(array), tf.make_tensor_proto(array)):
        np.testing.assert_array_equal(read(tensor), tf.make_ndarray(tensor))
        np.testing.assert_array_equal(read(tensor), array)


def test_every_byte_in_its_short_form_and_with_a_needless_second_byte():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(read(typed(every)), every)
    packed = b"".join(bytes([value & 127 | 128, value >> 7]) for value in range(256))
    tensor = tensor_pb2.TensorProto(dtype=4)
    tensor.tensor_shape.dim.add(size=256)
    tensor.MergeFromString(b"\x3a" + encoder._VarintBytes(len(packed)) + packed)
    np.testing.assert_array_equal(tf.make_ndarray(tensor), every)
    np.testing.assert_array_equal(read(tensor), every)


def test_one_number_for_the_whole_tensor():
    for dtype, field in (("float32", "float_val"), ("uint8", "int_val")):
        tensor = tensor_pb2.TensorProto(dtype=tf.as_dtype(dtype).as_datatype_enum)
        tensor.tensor_shape.dim.add(size=6)
        getattr(tensor, field).append(200)
        np.testing.assert_array_equal(read(tensor), np.full(6, 200, dtype))


def test_fields_that_are_not_packed():
    # Type uint8, shape [3], then field 7 as varints one by one.
    loose = b"\x08\x04\x12\x04\x12\x02\x08\x03" + b"\x38\x05\x38\xc8\x01\x38\x00"
    entry = b"\x0a\x08restored\x12" + bytes([len(loose)]) + loose
    data = b"\x0a" + bytes([len(entry)]) + entry
    np.testing.assert_array_equal(arrays(PredictAnswer.FromString(data))["restored"], [5, 200, 0])


def test_strings_and_shapes_that_do_not_fit():
    tensor = tf.make_tensor_proto([b"a", b"bc"])
    assert read(tensor).tolist() == [b"a", b"bc"]
    wrong = typed(np.zeros(5, np.float32))
    wrong.tensor_shape.dim[0].size = 4
    with pytest.raises(ValueError):
        read(wrong)
