"""The same API over HTTP, on our server and on servers named in the environment."""

import base64
import urllib.parse

import numpy as np
import pytest
import tensorflow as tf

from tests.keras_hyper.serving.request_cases import CASES, MISSING, floats, png
from tests.keras_hyper.serving.responses import arrays, ask


def as_rest(request):
    """Returns path and body of the same request over REST."""
    spec = request.model_spec
    path = f"/v1/models/{urllib.parse.quote(spec.name)}"
    if spec.HasField("version"):
        path += f"/versions/{spec.version.value}"
    if spec.version_label:
        path += f"/labels/{spec.version_label}"
    body = {"inputs": {n: tf.make_ndarray(t).tolist() for n, t in request.inputs.items()}}
    if spec.signature_name:
        body["signature_name"] = spec.signature_name
    return path, body


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].rest_text is not None])
def test_rest_refuses_like_grpc(rest, name):
    case = CASES[name]
    path, body = as_rest(case.request())
    status, answer = ask(f"{rest}{path}:predict", body)
    assert status == (404 if case.code is MISSING else 400)
    assert answer["error"].startswith(case.rest_text)


def test_rest_rows_and_columns_give_the_same_result(rest, target):
    request = floats()
    expected = arrays(target.predict(request))["restored"]
    path, body = as_rest(request)
    status, answer = ask(f"{rest}{path}:predict", body)
    assert status == 200 and set(answer) == {"outputs"}
    np.testing.assert_allclose(answer["outputs"], expected, atol=1e-6)
    image, level = body["inputs"]["image"][0], body["inputs"]["level"][0]
    rows = {"instances": [{"image": image, "level": level}] * 2}
    status, answer = ask(f"{rest}{path}/versions/1:predict", rows)
    assert status == 200 and len(answer["predictions"]) == 2
    np.testing.assert_allclose(answer["predictions"][1], expected[0], atol=1e-6)


def test_rest_restores_files(rest, local):
    data = png(12, 9)
    row = {"image_bytes": {"b64": base64.b64encode(data).decode()}, "level": 25}
    body = {"signature_name": "serving_bytes", "instances": [row]}
    status, answer = ask(f"{rest}/v1/models/denoise:predict", body)
    assert status == 200
    restored = tf.io.decode_png(base64.b64decode(answer["predictions"][0]["b64"])).numpy()
    inputs = {"image_bytes": np.array([data], object), "level": np.float32([25])}
    (expected,) = local.predict("serving_bytes", inputs)["restored_bytes"]
    np.testing.assert_allclose(restored, tf.io.decode_png(expected).numpy(), atol=1)


def test_rest_status_and_metadata(rest):
    for path in ("/v1/models/denoise", "/v1/models/denoise/versions/1"):
        status, answer = ask(rest + path)
        assert status == 200
        assert answer["model_version_status"][0] == {
            "version": "1",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
    status, answer = ask(rest + "/v1/models/denoise/metadata")
    assert status == 200 and answer["model_spec"]["version"] == "1"
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    image = signatures["serving_default"]["inputs"]["image"]
    assert image["dtype"] == "DT_FLOAT"
    assert [side["size"] for side in image["tensor_shape"]["dim"]] == ["-1", "-1", "-1", "3"]


@pytest.mark.parametrize("body", [b"x", b"[1]", b"{}", b'{"instances": []}', b"[" * 100_000])
def test_rest_refuses_malformed_requests(rest, body):
    status, answer = ask(f"{rest}/v1/models/denoise:predict", body)
    assert status == 400 and answer["error"]


def test_rest_refuses_unknown_paths(rest):
    status, answer = ask(f"{rest}/v1/nothing")
    assert status == 400 and answer["error"].startswith("Malformed request")
    assert ask(f"{rest}/v1/models/unknown")[0] == 404
