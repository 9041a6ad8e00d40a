"""TF-Serving's API on our server and on servers named in the environment."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)

from tests.keras_hyper.serving.request_cases import (
    CASES,
    INVALID,
    MISSING,
    floats,
    pixels,
    png,
    request_for,
)
from tests.keras_hyper.serving.responses import arrays, refusal, status_request


@pytest.mark.parametrize("name", CASES)
def test_request_is_refused_with_code_and_message(target, name):
    case = CASES[name]
    code, text = refusal(lambda: target.predict(case.request()))
    assert code is case.code
    assert text.startswith(case.text) and text
    assert target.predict(floats()).outputs  # other requests still succeed


@pytest.mark.parametrize("signature", ["serving_default", "serving_uint8", "serving_bytes"])
def test_results_equal_the_local_network(target, local, signature):
    image = pixels(2, 33, 20, 3)
    inputs = {"level": np.float32([15, 50])}
    if signature == "serving_bytes":
        inputs["image_bytes"] = np.array([png(33, 20), png(10, 40)], object)
    else:
        inputs["image"] = image if signature == "serving_uint8" else image / np.float32(255)
    response = target.predict(request_for(signature=signature, **inputs))
    expected = local.predict(signature, inputs)
    assert list(response.outputs) == list(expected)
    for output, array in arrays(response).items():
        if array.dtype == object:
            array, wanted = (
                np.concatenate([tf.io.decode_png(data).numpy().ravel() for data in one])
                for one in (array, expected[output])
            )
        else:
            wanted = expected[output]
        # Servers batch or split the work differently, so the last bit may differ.
        np.testing.assert_allclose(
            array.astype(float), wanted.astype(float), atol=1e-5 if array.dtype.kind == "f" else 1
        )


def test_response_names_default_signature_and_newest_version(target):
    spec = target.predict(floats()).model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("denoise", 1, "serving_default")
    assert target.predict(floats(version=1)).model_spec.version.value == 1


def test_responses_use_typed_fields(target):
    restored = target.predict(floats()).outputs["restored"]
    assert len(restored.float_val) == 8 * 9 * 3 and not restored.tensor_content
    request = request_for(signature="serving_uint8", image=pixels(1, 4, 5, 3), level=[25.0])
    restored = target.predict(request).outputs["restored"]
    assert restored.dtype == tf.uint8.as_datatype_enum
    assert len(restored.int_val) == 4 * 5 * 3 and not restored.tensor_content


def test_typed_fields_tensor_content_and_repeated_last_value_are_read(target):
    expected = arrays(target.predict(floats()))["restored"]
    typed = floats()
    image = typed.inputs["image"]
    image.tensor_content = b""
    image.float_val.extend([0.5] * (8 * 9 * 3))
    np.testing.assert_array_equal(arrays(target.predict(typed))["restored"], expected)
    del image.float_val[1:]
    np.testing.assert_array_equal(arrays(target.predict(typed))["restored"], expected)


def test_output_filter_selects_outputs(target):
    request = floats()
    request.output_filter.append("restored")
    assert list(target.predict(request).outputs) == ["restored"]


def test_long_messages_are_truncated(target):
    code, text = refusal(lambda: target.predict(floats(model="n" * 2000)))
    assert code is MISSING and len(text) == 1024 and text.endswith("...TRUNCATED")


def metadata_request(model="denoise", version=None, fields=("signature_def",)):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = model
    if version is not None:
        request.model_spec.version.value = version
    return request


def test_metadata_has_all_signatures(target):
    response = target.prediction.GetModelMetadata(metadata_request())
    assert (response.model_spec.name, response.model_spec.version.value) == ("denoise", 1)
    assert response.model_spec.signature_name == ""
    found = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(found)
    signatures = found.signature_def
    assert {"serving_default", "serving_uint8", "__saved_model_init_op"} <= set(signatures)
    assert signatures["serving_default"].inputs["image"].dtype == tf.float32.as_datatype_enum


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (get_model_metadata_pb2.GetModelMetadataRequest(), INVALID, "Missing ModelSpec"),
        (
            metadata_request(fields=()),
            INVALID,
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        (metadata_request(fields=["x"]), INVALID, "Metadata field x is not supported"),
        (metadata_request("unknown"), MISSING, "Servable not found for request: Latest(unknown)"),
        (
            metadata_request(version=9),
            MISSING,
            "Servable not found for request: Specific(denoise, 9)",
        ),
    ],
)
def test_invalid_metadata_requests_are_refused(target, request_, code, text):
    assert refusal(lambda: target.prediction.GetModelMetadata(request_)) == (code, text)


@pytest.mark.parametrize("more", [{}, {"version": 1}, {"label": "ignored"}])
def test_status_is_available(target, more):
    (status,) = target.model.GetModelStatus(status_request(**more)).model_version_status
    assert (status.version, status.state, status.status.error_code) == (1, 30, 0)


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (get_model_status_pb2.GetModelStatusRequest(), INVALID, "Missing ModelSpec"),
        (status_request("unknown"), MISSING, "Could not find any versions of model unknown"),
        (status_request(version=9), MISSING, "Could not find version 9 of model denoise"),
    ],
)
def test_invalid_status_requests_are_refused(target, request_, code, text):
    assert refusal(lambda: target.model.GetModelStatus(request_)) == (code, text)


def test_classify_is_unimplemented_and_later_requests_succeed(target):
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "denoise"
    code, text = refusal(lambda: target.prediction.Classify(request, timeout=60))
    assert code is not grpc.StatusCode.OK and text
    assert target.predict(floats()).outputs


def test_expired_deadline_is_refused(target):
    request = floats((1, 700, 700, 3))
    code, _ = refusal(lambda: target.predict(request, timeout=0.01))
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert target.predict(floats()).outputs


def test_large_response_needs_a_raised_limit_of_the_client(target):
    request = floats((1, 664, 664, 3))
    assert request.ByteSize() > 5 * 2**20
    assert len(target.predict(request).outputs["restored"].float_val) == 664 * 664 * 3
    with grpc.insecure_channel(target.address) as channel:
        predict = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            predict_pb2.PredictRequest.SerializeToString,
            predict_pb2.PredictResponse.FromString,
        )
        code, text = refusal(lambda: predict(request, timeout=60))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text
