"""Random requests: each gets a result, or a code and a message.

SERVING_FUZZ_EXAMPLES makes it longer: how many examples a test.
"""

import io
import json
import os

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from keras_hyper.serving.server.errors import ServingError
from keras_hyper.serving.server.grpc_server import predict_request
from keras_hyper.serving.server.request import check_outputs, inputs_of
from keras_hyper.serving.server.rest_json import predict_body
from keras_hyper.serving.server.rest_json import predict_request as rest_request
from keras_hyper.serving.server.tensors import to_array
from keras_hyper.serving.server.version import LoadedVersion
from tests.keras_hyper.serving.conftest import MODELS
from tests.keras_hyper.serving.request_cases import floats, pixels, png, request_for

FUZZ = settings(
    max_examples=int(os.environ.get("SERVING_FUZZ_EXAMPLES", "60")),
    deadline=None,
    derandomize="SERVING_FUZZ_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
MAX_PIXELS = 4096
SIDES = st.one_of(st.integers(-2, 9), st.sampled_from([1 << 20, 1 << 40, (1 << 63) - 1]))
NUMBERS = st.one_of(st.integers(-300, 300), st.floats(), st.booleans(), st.none(), st.text())


@pytest.fixture(scope="module")
def version():
    loaded = LoadedVersion(MODELS / "denoise" / "1")
    yield loaded
    loaded.close()


@st.composite
def tensors(draw):
    tensor = tensor_pb2.TensorProto()
    tensor.dtype = draw(st.sampled_from([0, 1, 2, 3, 4, 6, 7, 9, 10, 19, 23, 101, 999]))
    for side in draw(st.lists(SIDES, max_size=6)):
        tensor.tensor_shape.dim.add().size = side
    tensor.tensor_shape.unknown_rank = draw(st.booleans())
    tensor.tensor_content = draw(st.binary(max_size=64))
    tensor.float_val.extend(draw(st.lists(st.floats(width=32), max_size=4)))
    tensor.int_val.extend(draw(st.lists(st.integers(-(1 << 31), (1 << 31) - 1), max_size=4)))
    tensor.string_val.extend(draw(st.lists(st.binary(max_size=40), max_size=3)))
    return tensor


@st.composite
def messages(draw):
    signature = draw(st.sampled_from(["", "serving_uint8", "serving_bytes", "x"]))
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "denoise"
    request.model_spec.signature_name = signature
    names = st.sampled_from(["image", "level", "image_bytes", "", "more"])
    for name, tensor in draw(st.dictionaries(names, tensors(), max_size=3)).items():
        request.inputs[name].CopyFrom(tensor)
    request.output_filter.extend(draw(st.lists(st.sampled_from(["restored", "y"]), max_size=2)))
    return request


def answered(version, request):
    """Sends a request; returns the arrays or the error."""
    try:
        definition = version.signature(request.signature)
        inputs = inputs_of(request, definition, MAX_PIXELS, lambda values: None)
        check_outputs(request.outputs, definition)
        return version.run(request.signature, inputs, request.outputs)
    except ServingError as error:
        assert error.text and len(error.text) <= 1024
        assert error.code in (
            grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
        )  # fmt: skip
        return error


@FUZZ
@given(message=messages())
def test_any_message_is_answered_or_refused(version, message):
    answered(version, predict_request(message))


@FUZZ
@given(data=st.data())
def test_valid_message_with_changed_bytes(version, data):
    kind = data.draw(st.sampled_from(["float", "uint8", "file"]))
    good = {
        "float": lambda: floats((1, 3, 4, 3)),
        "uint8": lambda: request_for(
            signature="serving_uint8", image=pixels(1, 3, 4, 3), level=[25.0]
        ),
        "file": lambda: request_for(
            signature="serving_bytes", image_bytes=np.array([png(3, 4)]), level=np.float32([25])
        ),
    }[kind]().SerializeToString()
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = changed[: data.draw(st.integers(0, len(good)))] if data.draw(st.booleans()) else changed
    try:
        request = predict_request(predict_pb2.PredictRequest.FromString(bytes(cut)))
    except (ServingError, DecodeError):
        return
    answered(version, request)


@FUZZ
@given(tensor=tensors())
def test_any_small_tensor(tensor):
    size = 1
    for side in tensor.tensor_shape.dim:
        size *= max(side.size, 0)
    if size > MAX_PIXELS:
        return
    try:
        array = to_array("x", tensor)
    except ServingError:
        return
    assert array.shape == tuple(side.size for side in tensor.tensor_shape.dim)


JSON = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["image", "level", "b64", "image_bytes", "x"]), inner, max_size=3
        ),
    ),
    max_leaves=12,
)


@FUZZ
@given(
    body=st.fixed_dictionaries(
        {},
        optional={
            "instances": st.one_of(JSON, st.lists(JSON, max_size=3)),
            "inputs": JSON,
            "signature_name": st.one_of(st.sampled_from(["serving_bytes", "x"]), JSON),
        },
    )
)
def test_any_json(version, body):
    try:
        parsed = predict_body(json.dumps(body).encode())
    except ServingError as error:
        assert error.text
        return
    answered(version, rest_request(parsed, "denoise", None, ""))


@FUZZ
@given(data=st.binary(max_size=200))
def test_any_bytes_as_json(data):
    try:
        predict_body(data)
    except ServingError as error:
        assert error.text


def _encoded(kind):
    out = io.BytesIO()
    Image.fromarray(pixels(9, 8, 3)).save(out, kind)
    return out.getvalue()


@FUZZ
@given(data=st.data())
def test_files_with_some_bytes_changed(version, data):
    good = _encoded(data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP"])))
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(0, 4))):
        changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    file = bytes(changed[: data.draw(st.integers(0, len(good)))])
    answer = answered(version, predict_request(request_for(
        signature="serving_bytes", image_bytes=np.array([file], object), level=np.float32([25])
    )))  # fmt: skip
    if not isinstance(answer, ServingError):
        height, width, _ = tf.io.decode_png(answer["restored_bytes"][0]).shape
        assert height * width <= MAX_PIXELS
