"""Bodies and messages that stand for more than they are."""

import gzip

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from keras_hyper.serving.server.bodies import (
    MOST_FIELDS,
    MOST_JSON_VALUES,
    JsonCost,
    body_limit,
    parsed_json,
    scanned,
    unpacked,
)
from keras_hyper.serving.server.errors import ServingError, too_large
from tests.keras_hyper.serving.request_cases import floats, pixels, request_for


def test_limit_follows_the_pixels_up_to_64_mib():
    assert body_limit(0) == 1 << 16 and body_limit(4096) == (1 << 16) + (1 << 18)
    assert body_limit(1 << 24) == 1 << 26


def test_gzip_is_unpacked_up_to_the_limit():
    text = np.random.default_rng(0).bytes(1 << 15) * 80  # blocks of 1 MiB, the last of half a one
    data, found = gzip.compress(text, 1), JsonCost()
    assert unpacked(data, "gzip", len(text), found.add) == text
    whole = JsonCost()
    whole.add(text)
    assert found.total == whole.total > len(text)
    assert unpacked(gzip.compress(b""), "gzip", 9, found.add) == b""
    with pytest.raises(ServingError, match="larger than 2621439 bytes") as caught:
        unpacked(data, "gzip", len(text) - 1, found.add)
    assert caught.value.http_status == 413


@pytest.mark.parametrize("encoding", ["", "identity", "gzip"])
def test_bodies_are_unpacked_no_further_than_they_are_checked(encoding):
    parts = []

    def check(part):
        parts.append(len(part))
        raise too_large("values")

    text = b"[]," * (1 << 20)
    with pytest.raises(ServingError, match="values"):
        unpacked(gzip.compress(text) if encoding == "gzip" else text, encoding, 1 << 30, check)
    assert parts == [1 << 20 if encoding == "gzip" else len(text)]


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        (b"\x1f\x8bno", "gzip", "is no gzip"),
        (gzip.compress(b"{}", mtime=0)[:-9], "gzip", "cut off"),
        (b"{}", "br", "got br"),
    ],
)
def test_damaged_bodies_are_invalid(data, encoding, text):
    with pytest.raises(ServingError, match=text) as caught:
        unpacked(data, encoding, 99, JsonCost().add)
    assert caught.value.http_status == 400


@pytest.mark.parametrize("part", [b"[],", b'{"":0},', b"0,"])
def test_too_many_json_values_are_refused_before_parsing(part):
    with pytest.raises(ServingError, match="JSON values") as caught:
        JsonCost().add(b"[" + part * (MOST_JSON_VALUES + 1) + b"0]")
    assert caught.value.http_status == 413


def test_json_cost_bounds_the_memory_of_its_objects():
    import tracemalloc

    for data in (b"[" + b"[]," * 9999 + b"0]", b"[" + b'{"a":1e3},' * 9999 + b"0]"):
        tracemalloc.start()
        kept = parsed_json(data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        found = JsonCost()
        found.add(data)
        assert kept and peak < found.total


def test_cost_of_a_message_is_near_the_size_of_pictures():
    for request in (
        request_for(signature="serving_uint8", image=pixels(1, 64, 64, 3), level=[25.0]),
        floats((1, 64, 64, 3)),
    ):
        data = request.SerializeToString()
        assert len(data) <= scanned(data).cost < 2 * len(data) + 4096
    assert scanned(b"\xff garbage").cost >= 0  # the parser refuses it


@pytest.mark.parametrize("request_", [floats((2, 3, 4, 3), level=[1, 2]), floats((1, 300, 0, 3))])
def test_shapes_are_read_without_parsing(request_):
    shapes = {
        name: tuple(side.size for side in tensor.tensor_shape.dim)
        for name, tensor in request_.inputs.items()
    }
    assert scanned(request_.SerializeToString()).shapes == shapes


def test_shapes_are_those_of_the_parser():
    first, second = floats((1, 5000, 5000, 3)), floats((1, 2, 2, 3))
    for side in first.inputs["image"].tensor_shape.dim[1:]:
        side.size = -side.size
    assert set(scanned(first.SerializeToString()).shapes) == {"level"}
    # Two tensors of one name: the last one counts. Two shapes in one tensor: one behind the other.
    data = first.SerializeToString() + second.SerializeToString()
    assert scanned(data).shapes["image"] == (1, 2, 2, 3)
    tensor = second.inputs["image"].SerializeToString()
    second.inputs["image"].MergeFromString(tensor)
    value = b"\x0a\x05image\x12" + varint(2 * len(tensor)) + 2 * tensor
    found = scanned(b"\x12" + varint(len(value)) + value).shapes["image"]
    assert found == tuple(side.size for side in second.inputs["image"].tensor_shape.dim)
    assert len(found) == 8


def submessages(tag, count):
    """A tensor with as many empty messages in its field of that number."""
    request = predict_pb2.PredictRequest()
    request.inputs["image"].dtype = tf.float32.as_datatype_enum
    entry = request.inputs["image"].SerializeToString() + bytes([tag << 3 | 2, 0]) * count
    shape = entry if tag != 2 else bytes([2 << 3 | 2]) + varint(2 * count) + b"\x12\x00" * count
    value = b"\x0a\x05image\x12" + varint(len(shape)) + shape
    return b"\x12" + varint(len(value)) + value


def varint(number):
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


@pytest.mark.parametrize(
    "data",
    [
        submessages(2, 3000),  # sides of a shape
        submessages(8, MOST_FIELDS + 1),  # texts
        submessages(14, 1),
        b"\x12\x00" * (MOST_FIELDS + 1),
        b"\x1a\x00" * (MOST_FIELDS + 1),
        b"\x0b\x0c",  # a group
        submessages(8, 4000) * 5,  # each level has few, the message has many
    ],
)
def test_messages_with_many_parts_are_refused_before_parsing(data):
    with pytest.raises(ServingError) as caught:
        scanned(data)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_many_texts_up_to_the_limit_are_accepted():
    request = request_for(query=np.array([b""] * 2000, object))
    assert scanned(request.SerializeToString()).cost > 2000 * 64
