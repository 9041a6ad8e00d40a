"""Our server beyond what TF-Serving does: limits, health, TLS, swaps, and ending."""

import shutil
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from tensorflow_serving.apis import prediction_service_pb2_grpc

from keras_hyper.serving.config import ModelConfig, models_of_folder
from keras_hyper.serving.grpc_server import CONTENT_KEY, HEALTH_NAMES
from keras_hyper.serving.options import Options
from keras_hyper.serving.server import Server
from tests.keras_hyper.serving.conftest import MODELS, SMALL, target_of
from tests.keras_hyper.serving.requests_to_make import floats, pixels, png, request_for
from tests.keras_hyper.serving.test_api_conformance import arrays, ask, refusal, status_request

EXPORT = MODELS / "denoise" / "1"
PREDICT = "/tensorflow.serving.PredictionService/Predict"


def serve(folder=MODELS / "denoise", **options):
    configs = [ModelConfig("denoise", folder)]
    return Server(lambda: configs, Options(**{**SMALL, **options}))


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def health(target, name=""):
    stub = health_pb2_grpc.HealthStub(target.channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=name)).status


def states_of(target):
    answer = target.model.GetModelStatus(status_request())
    return [(one.version, one.state) for one in answer.model_version_status]


@pytest.fixture(scope="module")
def small():
    """A server with small limits."""
    with serve(max_pixels=4096, max_message=1 << 20, waiting=3, running=1) as server:
        yield target_of(server)


@pytest.mark.parametrize(
    "request_",
    [
        floats((1, 65, 64, 3)),
        floats((2, 64, 33, 3), level=[1, 2]),
        request_for(signature="serving_uint8", image=pixels(1, 65, 64, 3), level=[1.0]),
        request_for(
            signature="serving_bytes", image_bytes=np.array([png(65, 64)]), level=np.float32([1])
        ),
        request_for(
            signature="serving_bytes",
            image_bytes=np.array([png(40, 64)] * 2),
            level=np.float32([1, 2]),
        ),
        floats(level=np.zeros(5000)),
    ],
)
def test_more_pixels_than_the_limit(small, request_):
    code, text = refusal(lambda: small.predict(request_))
    assert code is grpc.StatusCode.INVALID_ARGUMENT and "limit of 4096 pixels" in text
    assert small.predict(floats((1, 64, 64, 3))).outputs


def test_a_shape_that_claims_a_terabyte_takes_none(small):
    request = floats()
    image = request.inputs["image"]
    image.tensor_content = b""
    image.float_val.append(0.5)
    for number in (1, 2):
        image.tensor_shape.dim[number].size = 1 << 18
    code, text = refusal(lambda: small.predict(request))
    assert code is grpc.StatusCode.INVALID_ARGUMENT and "limit" in text


def test_a_message_beyond_the_limit(small):
    code, text = refusal(lambda: small.predict(floats((1, 512, 512, 3))))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text
    assert small.predict(floats()).outputs


def test_bytes_that_are_no_message(small):
    call = small.channel.unary_unary(PREDICT)
    code, text = refusal(lambda: call(b"\xff garbage"))
    assert code is grpc.StatusCode.INTERNAL and "PredictRequest" in text
    code, text = refusal(lambda: call(b""))
    assert (code, text) == (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")


@pytest.mark.parametrize("method", ["Classify", "Regress", "MultiInference"])
def test_what_is_absent_is_said_plainly(small, method):
    call = small.channel.unary_unary(f"/tensorflow.serving.PredictionService/{method}")
    code, text = refusal(lambda: call(b""))
    assert code is grpc.StatusCode.UNIMPLEMENTED and method in text
    call = small.channel.unary_unary("/tensorflow.serving.ModelService/HandleReloadConfigRequest")
    assert refusal(lambda: call(b""))[0] is grpc.StatusCode.UNIMPLEMENTED


def test_too_many_at_once_are_told_to_come_again_and_health_answers_meanwhile(small):
    codes = []

    def ask_once(_):
        try:
            small.predict(floats((1, 64, 64, 3)))
            codes.append(grpc.StatusCode.OK)
        except grpc.RpcError as error:
            codes.append(error.code())
            assert "limit" in error.details()

    with ThreadPoolExecutor(40) as threads:
        running = list(threads.map(ask_once, range(120)))
        assert health(small) == health_pb2.HealthCheckResponse.SERVING
    assert len(running) == 120
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}


def test_a_hundred_connections_that_send_nothing_harm_nobody(small):
    port = int(small.address.rpartition(":")[2])
    rest = int(small.rest.rpartition(":")[2])
    idle = [socket.create_connection(("127.0.0.1", one)) for one in (port, rest) * 50]
    # Calls that were opened and never send their message.
    calls = [small.channel.stream_unary(PREDICT).future(_nothing_yet()) for _ in range(100)]
    try:
        assert small.predict(floats(), timeout=30).outputs
        assert health(small) == health_pb2.HealthCheckResponse.SERVING
        assert ask(f"{small.rest}/v1/models/denoise")[0] == 200
    finally:
        for call in calls:
            call.cancel()
        for one in idle:
            one.close()


def _nothing_yet():
    threading.Event().wait(5)
    yield from ()


def test_tensor_content_for_who_asks_for_it(small):
    request = request_for(signature="serving_uint8", image=pixels(1, 9, 8, 3), level=[25.0])
    typed = small.predict(request)
    packed = small.predict(request, metadata=[(CONTENT_KEY, "1")])
    assert packed.outputs["restored"].tensor_content and typed.outputs["restored"].int_val
    np.testing.assert_array_equal(arrays(packed)["restored"], arrays(typed)["restored"])


def test_reflection_names_the_services_and_their_methods(small):
    database = ProtoReflectionDescriptorDatabase(small.channel)
    names = set(database.get_services())
    assert {"tensorflow.serving.PredictionService", "grpc.health.v1.Health"} <= names
    file = database.FindFileContainingSymbol("tensorflow.serving.ModelService")
    assert "GetModelStatus" in [method.name for method in file.service[0].method]


def test_metrics_count_over_http(small):
    import urllib.request

    small.predict(floats())
    refusal(lambda: small.predict(floats((1, 64, 64, 3)), timeout=0.001))
    with urllib.request.urlopen(f"{small.rest}/monitoring/prometheus/metrics") as answer:
        text = answer.read().decode()
    assert ':tensorflow:serving:request_count{model_name="denoise",status="OK"}' in text
    assert 'runtime_latency_count{model_name="denoise",API="Predict",runtime="TF1"}' in text


def test_everyone_gets_tensor_content_by_the_switch_and_joined_requests_their_own(local):
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


def test_versions_change_under_load_without_a_failed_request(tmp_path):
    shutil.copytree(EXPORT, tmp_path / "1")
    with serve(tmp_path, rest_port=None) as server:
        target = target_of(server)
        seen, failed, stop = [], [], threading.Event()

        def load():
            while not stop.is_set():
                try:
                    seen.append(target.predict(floats()).model_spec.version.value)
                except grpc.RpcError as error:
                    failed.append(error)

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in (2, 3):
            shutil.copytree(EXPORT, tmp_path / "copy")
            (tmp_path / "copy").rename(tmp_path / str(number))
            until(lambda number=number: seen and seen[-1] == number)
        shutil.rmtree(tmp_path / "3")
        shutil.rmtree(tmp_path / "2")
        until(lambda: seen[-1] == 1)
        stop.set()
        for thread in threads:
            thread.join()
        assert not failed
        until(lambda: states_of(target) == [(3, 50), (2, 50), (1, 30)])
        target.channel.close()


def test_not_serving_until_a_model_comes_and_again_when_it_stops(tmp_path):
    server = Server(
        lambda: models_of_folder(tmp_path), Options(**{**SMALL, "drain": 1.0, "rest_port": None})
    )
    server.start()
    target = target_of(server)
    states = health_pb2.HealthCheckResponse
    assert {health(target, name) for name in HEALTH_NAMES} == {states.NOT_SERVING}
    assert refusal(lambda: target.predict(floats()))[0] is grpc.StatusCode.NOT_FOUND
    shutil.copytree(EXPORT, tmp_path / "denoise" / "1")
    until(lambda: health(target) == states.SERVING)
    assert target.predict(floats()).outputs
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    until(lambda: health(target) == states.NOT_SERVING)
    assert target.predict(floats()).outputs  # those who have not noticed yet
    stopping.join()
    assert refusal(lambda: target.predict(floats()))[0] is grpc.StatusCode.UNAVAILABLE
    target.channel.close()


def test_tls_with_client_certificates(tmp_path):
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
    with serve(**options) as server:
        for credentials, good in (
            (grpc.ssl_channel_credentials(root, key, chain), True),
            (grpc.ssl_channel_credentials(root), False),
        ):
            with grpc.secure_channel(f"localhost:{server.port}", credentials) as channel:
                stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
                if good:
                    assert stub.Predict(floats(), timeout=30).outputs
                else:
                    code, _ = refusal(lambda stub=stub: stub.Predict(floats(), timeout=30))
                    assert code is grpc.StatusCode.UNAVAILABLE


def test_a_port_that_is_taken_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}"):
            serve(port=port).start()
        with pytest.raises(OSError, match=str(port)):
            serve(rest_port=port).start()
