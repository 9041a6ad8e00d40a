"""Features of our server that TF-Serving lacks: health, TLS, version changes, shutdown."""

import http.client
import json
import shutil
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
import trustme
from grpc_health.v1 import health_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from keras_hyper.serving.server import Server
from keras_hyper.serving.server.config import Options, models_of_folder
from keras_hyper.serving.server.grpc_server import HEALTH_NAMES
from tests.keras_hyper.serving.conftest import SMALL, target_of
from tests.keras_hyper.serving.one_model_server import (
    export_halved,
    health,
    serve,
    states_of,
    until,
)
from tests.keras_hyper.serving.request_cases import floats, pixels, request_for
from tests.keras_hyper.serving.responses import ask, refusal


def test_batched_requests_get_their_own_results_as_tensor_content(local):
    with serve(tensor_content=True, batch=8, running=1, rest_port=None) as server:
        target = target_of(server)
        images = [pixels(1, 24, 24, 3, seed=seed) for seed in range(12)]

        def one(number):
            request = request_for(
                signature="serving_uint8", image=images[number], level=[5.0 * number + 5]
            )
            return target.predict(request).outputs["restored"]

        with ThreadPoolExecutor(12) as threads:
            found = list(threads.map(one, range(12)))
        for number, tensor in enumerate(found):
            inputs = {"image": images[number], "level": np.float32([5 * number + 5])}
            expected = local.predict("serving_uint8", inputs)["restored"]
            assert tensor.tensor_content
            np.testing.assert_allclose(tf.make_ndarray(tensor), expected.astype(int), atol=1)
        target.channel.close()


def test_version_change_under_load_fails_no_request(tmp_path):
    export_halved(tmp_path)
    with serve(tmp_path, rest_port=None) as server:
        target = target_of(server)
        seen, failed, stop = [], [], threading.Event()

        def load():
            while not stop.wait(0.01):  # leaves the processor to the loading
                try:
                    seen.append(target.predict(floats()).model_spec.version.value)
                except grpc.RpcError as error:
                    failed.append(error)

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for number in (2, 3):
                shutil.copytree(tmp_path / "1", tmp_path / "copy")
                (tmp_path / "copy").rename(tmp_path / str(number))
                until(lambda number=number: seen and seen[-1] == number)
            shutil.rmtree(tmp_path / "3")
            shutil.rmtree(tmp_path / "2")
            until(lambda: seen[-1] == 1)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert not failed
        until(lambda: states_of(target) == [(3, 50), (2, 50), (1, 30)])
        target.channel.close()


def test_health_and_states_before_the_first_model_and_while_the_server_stops(tmp_path):
    server = Server(lambda: models_of_folder(tmp_path), Options(**{**SMALL, "drain": 1.0}))
    server.start()
    target = target_of(server)
    states = health_pb2.HealthCheckResponse
    assert {health(target, name) for name in HEALTH_NAMES} == {states.NOT_SERVING}
    assert refusal(lambda: target.predict(floats()))[0] is grpc.StatusCode.NOT_FOUND
    export_halved(tmp_path / "denoise")
    until(lambda: health(target) == states.SERVING)
    assert target.predict(floats()).outputs
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    until(lambda: health(target) == states.NOT_SERVING)
    assert states_of(target) == [(1, 40)]
    _, answer = ask(f"{target.rest}/v1/models/denoise")
    assert answer["model_version_status"][0]["state"] == "UNLOADING"
    assert target.predict(floats()).outputs  # those who have not noticed yet
    stopping.join()
    assert refusal(lambda: target.predict(floats()))[0] is grpc.StatusCode.UNAVAILABLE
    target.channel.close()


def test_tls_with_client_certificates_and_access_log(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    client = authority.issue_cert("client")
    for name, blob in (
        ("cert", certificate.cert_chain_pems[0]),
        ("key", certificate.private_key_pem),
        ("ca", authority.cert_pem),
    ):
        blob.write_to_path(tmp_path / name)
    options = {"cert": tmp_path / "cert", "key": tmp_path / "key", "client_ca": tmp_path / "ca"}
    root = authority.cert_pem.bytes()
    key, chain = client.private_key_pem.bytes(), client.cert_chain_pems[0].bytes()
    export_halved(tmp_path / "denoise")
    with serve(tmp_path / "denoise", access_log=tmp_path / "log", **options) as server:
        for credentials, good in (
            (grpc.ssl_channel_credentials(root, key, chain), True),
            (grpc.ssl_channel_credentials(root), False),
        ):
            with grpc.secure_channel(f"localhost:{server.port}", credentials) as channel:
                stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
                if good:
                    answer, call = stub.Predict.with_call(
                        floats(), timeout=30, metadata=[("x-request-id", "job 7")]
                    )
                    assert answer.outputs and dict(call.trailing_metadata())["x-request-id"]
                else:
                    code, _ = refusal(lambda stub=stub: stub.Predict(floats(), timeout=30))
                    assert code is grpc.StatusCode.UNAVAILABLE
        trusting = ssl.create_default_context(cadata=root.decode())
        client.configure_cert(trusting)
        rest = http.client.HTTPSConnection("localhost", server.rest_port, context=trusting)
        rest.request("POST", "/v1/models/denoise:predict", "{")
        answer = rest.getresponse()
        rows = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
        assert answer.status == 400 and answer.headers["x-request-id"] == rows[1]["id"]
        assert [(row["entrypoint"], row["code"], row["version"]) for row in rows] == [
            ("GRPC", "OK", 1), ("REST", "INVALID_ARGUMENT", None),
        ]  # fmt: skip
        assert rows[0]["id"] == "job 7" and rows[0]["pixels"] > 0 < rows[0]["seconds"]
        rest.close()


def test_port_in_use_is_a_one_line_error(tmp_path):
    export_halved(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}"):
            serve(tmp_path, port=port).start()
        with pytest.raises(OSError, match=str(port)):
            serve(tmp_path, rest_port=port).start()
