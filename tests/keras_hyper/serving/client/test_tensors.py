"""The client's messages and conversions, compared with TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2
from google.protobuf.internal import encoder
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
)

from keras_hyper.serving.client import tf_serving_pb2
from keras_hyper.serving.client.tensors import (
    BYTES,
    FILES,
    FLOATS,
    smallest_form,
    to_array,
    to_tensor,
)

PUBLIC = {
    "Tensor": tensor_pb2.TensorProto,
    "PackedTensor": tensor_pb2.TensorProto,
    "ModelSpec": model_pb2.ModelSpec,
    "PredictRequest": predict_pb2.PredictRequest,
    "PredictResponse": predict_pb2.PredictResponse,
    "TensorInfo": meta_graph_pb2.TensorInfo,
    "TensorShape": tf.TensorShape([1]).as_proto().__class__,
    "SignatureDef": meta_graph_pb2.SignatureDef,
    "SignatureDefMap": get_model_metadata_pb2.SignatureDefMap,
    "GetModelMetadataRequest": get_model_metadata_pb2.GetModelMetadataRequest,
    "GetModelMetadataResponse": get_model_metadata_pb2.GetModelMetadataResponse,
    "GetModelStatusRequest": get_model_status_pb2.GetModelStatusRequest,
    "GetModelStatusResponse": get_model_status_pb2.GetModelStatusResponse,
    "ModelVersionStatus": get_model_status_pb2.ModelVersionStatus,
    "Status": get_model_status_pb2.ModelVersionStatus().status.__class__,
}


def labels(message):
    proto = descriptor_pb2.DescriptorProto()
    message.CopyToProto(proto)
    return {field.name: field.label for field in proto.field}


def assert_same_fields(ours, public, path):
    assert labels(ours).items() <= labels(public).items()
    for field in ours.fields:
        theirs = public.fields_by_name[field.name]
        assert field.number == theirs.number, f"{path}.{field.name}"
        packed = path == "PackedTensor" and field.name in ("float_val", "int_val")
        # An enum has the wire format of an int32.
        alike = {theirs.type, theirs.TYPE_INT32 if theirs.enum_type else theirs.type}
        assert packed or field.type in alike, f"{path}.{field.name}"
        if field.message_type and field.message_type.GetOptions().map_entry:
            assert_same_fields(field.message_type, theirs.message_type, f"{path}.{field.name}")


def test_every_message_has_a_public_equivalent():
    assert set(PUBLIC) == set(tf_serving_pb2.DESCRIPTOR.message_types_by_name)


@pytest.mark.parametrize("name", PUBLIC)
def test_fields_have_the_numbers_and_types_of_the_public_api(name):
    ours = tf_serving_pb2.DESCRIPTOR.message_types_by_name[name]
    assert_same_fields(ours, PUBLIC[name].DESCRIPTOR, name)


def test_states_have_the_numbers_of_the_public_api():
    ours, public = tf_serving_pb2.ModelVersionStatus, get_model_status_pb2.ModelVersionStatus
    assert dict(ours.State.items()) == dict(public.State.items())


def read(tensor):
    return to_array(tf_serving_pb2.PackedTensor.FromString(tensor.SerializeToString()))


def typed(array):
    tensor = tensor_pb2.TensorProto(dtype=tf.as_dtype(array.dtype).as_datatype_enum)
    for side in array.shape:
        tensor.tensor_shape.dim.add(size=side)
    field = tensor.float_val if array.dtype == np.float32 else tensor.int_val
    field.extend(array.ravel().tolist())
    return tensor


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int32"])
@pytest.mark.parametrize("shape", [(2, 5, 7, 3), (1, 1, 1, 1), (0, 3), ()])
def test_encoded_arrays_equal_those_of_tensorflow(rng, dtype, shape):
    array = np.asarray((rng.random(shape) * 256).astype(dtype))
    for tensor in (typed(array), tf.make_tensor_proto(array)):
        np.testing.assert_array_equal(read(tensor), tf.make_ndarray(tensor))
        np.testing.assert_array_equal(read(tensor), array)
    sent = tensor_pb2.TensorProto.FromString(to_tensor(array).SerializeToString())
    np.testing.assert_array_equal(tf.make_ndarray(sent), array)
    assert tf.as_dtype(sent.dtype) == dtype


def test_strings_are_encoded_and_decoded():
    array = np.array([b"a", b"\xff\x00"], object)
    sent = tensor_pb2.TensorProto.FromString(to_tensor(array).SerializeToString())
    assert tf.make_ndarray(sent).tolist() == read(sent).tolist() == [b"a", b"\xff\x00"]


def test_every_byte_is_decoded_from_short_and_long_varints():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(read(typed(every)), every)
    packed = b"".join(bytes([value & 127 | 128, value >> 7]) for value in range(256))
    tensor = tensor_pb2.TensorProto(dtype=4)
    tensor.tensor_shape.dim.add(size=256)
    tensor.MergeFromString(b"\x3a" + encoder._VarintBytes(len(packed)) + packed)
    np.testing.assert_array_equal(tf.make_ndarray(tensor), every)
    np.testing.assert_array_equal(read(tensor), every)


def test_single_value_fills_the_tensor():
    for dtype, field in (("float32", "float_val"), ("uint8", "int_val")):
        tensor = tensor_pb2.TensorProto(dtype=tf.as_dtype(dtype).as_datatype_enum)
        tensor.tensor_shape.dim.add(size=6)
        getattr(tensor, field).append(200)
        np.testing.assert_array_equal(read(tensor), np.full(6, 200, dtype))


def test_unpacked_fields_are_decoded():
    # Type uint8, shape [3], then field 7 as three separate varints.
    loose = b"\x08\x04\x12\x04\x12\x02\x08\x03" + b"\x38\x05\x38\xc8\x01\x38\x00"
    tensor = tf_serving_pb2.PackedTensor.FromString(loose)
    np.testing.assert_array_equal(to_array(tensor), [5, 200, 0])


def test_wrong_number_of_values_and_unknown_types_are_errors():
    wrong = typed(np.zeros(5, np.float32))
    wrong.tensor_shape.dim[0].size = 4
    with pytest.raises(ValueError):
        read(wrong)
    with pytest.raises(ValueError, match="expected float32, .* got data type 2"):
        read(tf.make_tensor_proto(np.zeros(1, np.float64)))


@pytest.mark.parametrize("channels", [1, 3])
def test_png_files_are_lossless(rng, channels):
    pixels = rng.integers(0, 256, (5, 7, channels), np.uint8)
    (file,) = FILES.encode(pixels)
    np.testing.assert_array_equal(tf.io.decode_png(file), pixels)
    np.testing.assert_array_equal(FILES.decode(np.array([file], object)), pixels[None])


@pytest.mark.parametrize(
    ("dtype", "channels", "compress", "expected"),
    [
        ("uint8", 3, False, BYTES),
        ("uint8", 3, True, FILES),
        ("uint8", 1, False, FLOATS),
        ("uint16", 3, True, FLOATS),
    ],
)
def test_smallest_lossless_encoding_is_chosen(dtype, channels, compress, expected):
    names = frozenset(form.signature for form in (BYTES, FILES, FLOATS))
    pixels = np.zeros((2, 2, 3), dtype)
    assert smallest_form(names, pixels, channels, compress) == expected
    assert smallest_form(frozenset(["serving_default"]), pixels, channels, compress) == FLOATS
