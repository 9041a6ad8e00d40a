import base64
import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo

from keras_hyper.serving.server.errors import ServingError
from keras_hyper.serving.server.rest_json import predict_answer, predict_body, predict_request
from keras_hyper.serving.server.service import Answer

FLOAT, BYTES = (kind.as_datatype_enum for kind in (tf.float32, tf.uint8))
TEXT = tf.string.as_datatype_enum


def columns(body, *names):
    """The values of the inputs, by name."""
    definition = dict.fromkeys(names)
    request = predict_request(body, "m", None, "")
    return request.read(type("Definition", (), {"inputs": definition}))


def converted(values, dtype):
    return predict_request({}, "m", None, "").convert("x", values, TensorInfo(dtype=dtype))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "JSON Parse error: expected an object, got list"),
        ({}, "expected either 'instances' or 'inputs' in the body"),
        ({"instances": [1], "inputs": [1]}, "expected either 'instances' or 'inputs'"),
        ({"instances": []}, "expected 'instances' to be a list with at least one row"),
        ({"inputs": [1], "signature_name": 1}, "expected text in 'signature_name', got int"),
    ],
)
def test_other_bodies_are_refused(body, words):
    with pytest.raises(ServingError, match=words):
        predict_body(json.dumps(body).encode())


def test_rows_and_columns_give_the_same_inputs():
    rows = {"instances": [{"image": [1], "level": 5}, {"image": [2], "level": 6}]}
    named = {"inputs": {"image": [[1], [2]], "level": [5, 6]}}
    expected = {"image": [[1], [2]], "level": [5, 6]}
    assert columns(rows, "image", "level") == columns(named, "image", "level") == expected
    assert columns({"instances": [[1], [2]]}, "image") == {"image": [[1], [2]]}
    file = {"b64": "AA=="}
    assert columns({"instances": [file]}, "image_bytes") == {"image_bytes": [file]}


def test_rows_of_other_names_and_inputs_without_names_are_refused():
    rows = {"instances": [{"image": 1}, {"picture": 1}]}
    with pytest.raises(ServingError, match="the same input names in all rows"):
        columns(rows, "image")
    with pytest.raises(ServingError, match="expected inputs with names: image, level"):
        columns({"inputs": [1]}, "level", "image")


def test_numbers_and_files_become_arrays_of_the_type():
    array = converted([[0, 255]], BYTES)
    assert array.dtype == np.uint8 and array.tolist() == [[0, 255]]
    assert converted([1, 2.5], FLOAT).dtype == np.float32
    files = converted([{"b64": base64.b64encode(b"\x00\xff").decode()}, "text"], TEXT)
    assert files.tolist() == [b"\x00\xff", b"text"]


@pytest.mark.parametrize(
    ("values", "dtype", "words"),
    [
        ([256], BYTES, "x: expected numbers of type"),
        ([0.5], BYTES, "x: expected numbers of type"),
        (["1"], FLOAT, "x: expected numbers of type"),
        ([[1], [1, 2]], FLOAT, "in rows of one size"),
        ([{"b64": "?"}], TEXT, "x: expected text or"),
        ([1], TEXT, "x: expected text or .* got int"),
    ],
)
def test_values_of_another_type_are_refused(values, dtype, words):
    with pytest.raises(ServingError, match=words):
        converted(values, dtype)


def test_the_answer_has_the_form_of_the_request():
    rows = {"a": np.float32([[1], [2]]), "b": np.int32([3, 4])}

    def answer(body, outputs):
        return json.loads(predict_answer(body, Answer("m", 1, "s", outputs)))

    assert answer({"inputs": 0}, rows) == {"outputs": {"a": [[1], [2]], "b": [3, 4]}}
    assert answer({"inputs": 0}, {"a": rows["a"]}) == {"outputs": [[1], [2]]}
    assert answer({"instances": 0}, {"a": rows["a"]}) == {"predictions": [[1], [2]]}
    assert answer({"instances": 0}, rows) == {
        "predictions": [{"a": [1], "b": 3}, {"a": [2], "b": 4}]
    }
    with pytest.raises(ServingError, match="the outputs differ in their number of rows"):
        answer({"instances": 0}, {**rows, "b": np.int32([3])})


def test_files_of_an_answer_are_base64_and_texts_are_texts():
    outputs = {"restored_bytes": np.array([b"\x00\xff"], object), "card": np.array([b"a"], object)}
    (row,) = json.loads(predict_answer({"instances": 0}, Answer("m", 1, "s", outputs)))[
        "predictions"
    ]
    assert row == {"restored_bytes": {"b64": "AP8="}, "card": "a"}
