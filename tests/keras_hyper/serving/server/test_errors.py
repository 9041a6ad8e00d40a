import grpc
import pytest
import tensorflow as tf

from keras_hyper.serving.server.errors import (
    ServingError,
    UnknownSignatureError,
    deadline_exceeded,
    invalid,
    not_found,
    overloaded,
    serving_error,
    too_large,
)

CODE = grpc.StatusCode


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (invalid("x"), CODE.INVALID_ARGUMENT, 400),
        (not_found("x"), CODE.NOT_FOUND, 404),
        (too_large("x"), CODE.RESOURCE_EXHAUSTED, 413),
        (overloaded("x"), CODE.UNAVAILABLE, 503),
        (deadline_exceeded(), CODE.DEADLINE_EXCEEDED, 504),
        (UnknownSignatureError("x"), CODE.FAILED_PRECONDITION, 400),
        (ServingError(CODE.DATA_LOSS, "x"), CODE.DATA_LOSS, 500),
    ],
)
def test_every_error_has_the_code_of_grpc_and_of_rest(error, code, status):
    assert (error.code, error.http_status) == (code, status)


def test_a_signature_that_is_missing_has_a_text_for_each_protocol():
    error = UnknownSignatureError("sweep")
    assert error.text == 'Serving signature key "sweep" not found.'
    assert error.rest_text == 'Serving signature name: "sweep" not found in signature def'


def test_a_text_fits_a_header():
    assert invalid("a" * 1024).text == "a" * 1024
    assert invalid("a" * 1025).text == "a" * 1012 + "...TRUNCATED"
    assert invalid("\ud800").text == "?"


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (
            tf.errors.InvalidArgumentError(None, None, "Graph execution error:\n\ntoo bright"),
            CODE.INVALID_ARGUMENT,
            "too bright",
        ),
        (tf.errors.UnknownError(None, None, "x"), CODE.UNKNOWN, "x"),
        (FileNotFoundError("gone"), CODE.NOT_FOUND, "FileNotFoundError: gone"),
        (RuntimeError("torn"), CODE.DATA_LOSS, "RuntimeError: torn"),
    ],
)
def test_errors_of_the_graph_and_of_files_are_translated(error, code, text):
    found = serving_error(error)
    assert (found.code, found.text) == (code, text)


def test_an_error_of_the_server_stays():
    error = invalid("x")
    assert serving_error(error) is error
