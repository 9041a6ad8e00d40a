import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from keras_hyper.serving.server.errors import ServingError
from keras_hyper.serving.server.request import Request, check_outputs, inputs_of, units_of


@pytest.fixture
def definition():
    definition = meta_graph_pb2.SignatureDef()
    for name, dtype, shape in (
        ("image", tf.float32, [None, None, None, 3]),
        ("level", tf.float32, [None]),
    ):
        definition.inputs[name].dtype = dtype.as_datatype_enum
        definition.inputs[name].tensor_shape.CopyFrom(tf.TensorShape(shape).as_proto())
    definition.outputs["restored"].dtype = tf.float32.as_datatype_enum
    return definition


def request_of(inputs):
    return Request(
        "denoise",
        lambda definition: inputs,
        lambda name, array: array.shape,
        lambda name, array, info: array,
    )


def picture(*shape, dtype=np.float32):
    return {"image": np.zeros(shape, dtype), "level": np.zeros(1, np.float32)}


def test_memory_is_reserved_before_conversion(definition):
    reserved = []
    arrays = inputs_of(request_of(picture(1, 4, 5, 3)), definition, 20, reserved.append)
    assert reserved == [4 * (1 * 4 * 5 * 3 + 1)] and set(arrays) == {"image", "level"}


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"image": np.zeros((1, 4, 5, 3), np.float32)}, r"Missing but required: \{level\}"),
        (picture(1, 4, 5, 1), r"image: expected shape .* got \[1, 4, 5, 1\]"),
        (picture(1, 4, 5, 3, dtype=np.uint8), "actual uint8 vs. expect float"),
        (picture(1, 7, 3, 3), "21 pixels in all"),
        (picture(3, 4, 2, 3), "24 pixels in all"),
    ],
)
def test_mismatched_inputs_are_invalid(definition, inputs, text):
    with pytest.raises(ServingError, match=text) as caught:
        inputs_of(request_of(inputs), definition, 20, lambda size: None)
    assert caught.value.code.name == "INVALID_ARGUMENT"


def test_pixels_of_files_are_limited_by_their_headers(definition):
    info = definition.inputs["image_bytes"]
    info.dtype = tf.string.as_datatype_enum
    info.tensor_shape.CopyFrom(tf.TensorShape([None]).as_proto())
    del definition.inputs["image"]
    file = tf.io.encode_png(np.zeros((4, 5, 3), np.uint8)).numpy()
    inputs = {"image_bytes": np.array([file], object), "level": np.zeros(1, np.float32)}
    inputs_of(request_of(inputs), definition, 20, lambda size: None)
    for files, text in (([file, file], "40 pixels"), ([file[:20]], "damaged"), ([b"x"], "Unknown")):
        inputs["image_bytes"] = np.array(files, object)
        with pytest.raises(ServingError, match=text):
            inputs_of(request_of(inputs), definition, 20, lambda size: None)


def test_output_filters_name_known_outputs_once(definition):
    check_outputs(("restored",), definition)
    with pytest.raises(ServingError, match="alias not found in signature: other"):
        check_outputs(("other",), definition)
    with pytest.raises(ServingError, match="duplicate output tensor alias: restored"):
        check_outputs(("restored", "restored"), definition)


def test_units_are_pixels_of_all_levels_and_rows_of_other_inputs():
    file = tf.io.encode_png(np.zeros((4, 5, 3), np.uint8)).numpy()
    level = np.zeros(3, np.float32)
    assert units_of({"image": np.zeros((1, 4, 5, 3)), "level": level}) == 60
    assert units_of({"image_bytes": np.array([file] * 3, object), "level": level}) == 60
    assert units_of({"query": np.array([b"", b""], object)}) == 2
    assert units_of({"number": np.float32(1)}) == 1
