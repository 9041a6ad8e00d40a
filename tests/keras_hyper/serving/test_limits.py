"""Features of our server that TF-Serving lacks: limits, metrics, reflection."""

import socket
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from keras_hyper.serving.server.grpc_server import CONTENT_KEY
from tests.keras_hyper.serving.conftest import target_of
from tests.keras_hyper.serving.one_model_server import export_halved, health, serve
from tests.keras_hyper.serving.request_cases import floats, pixels, png, request_for
from tests.keras_hyper.serving.responses import arrays, ask, refusal

PREDICT = "/tensorflow.serving.PredictionService/Predict"


@pytest.fixture(scope="module")
def small():
    """A server with small limits."""
    with serve(max_pixels=4096, max_message=1 << 20, max_queue=3, running=1) as server:
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
def test_more_pixels_than_the_limit_are_refused(small, request_):
    code, text = refusal(lambda: small.predict(request_))
    assert code is grpc.StatusCode.INVALID_ARGUMENT and "limit of 4096 pixels" in text
    assert small.predict(floats((1, 64, 64, 3))).outputs


def test_declared_terabyte_is_not_allocated(small):
    request = floats()
    image = request.inputs["image"]
    image.tensor_content = b""
    image.float_val.append(0.5)
    for number in (1, 2):
        image.tensor_shape.dim[number].size = 1 << 18
    code, text = refusal(lambda: small.predict(request))
    assert code is grpc.StatusCode.INVALID_ARGUMENT and "limit" in text


def test_message_above_the_limit_is_refused(small):
    code, text = refusal(lambda: small.predict(floats((1, 512, 512, 3))))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text
    assert small.predict(floats()).outputs


def test_too_many_pixels_are_refused_before_parsing(small):
    """The last byte cannot be parsed."""
    data = floats((1, 65, 64, 3)).SerializeToString() + b"\xff"
    call = small.channel.unary_unary(PREDICT)
    code, text = refusal(lambda: call(data))
    assert code is grpc.StatusCode.INVALID_ARGUMENT and "limit of 4096 pixels" in text
    assert refusal(lambda: call(floats().SerializeToString() + b"\xff"))[0] is not code


@pytest.fixture(scope="module")
def loaded_at_once(tmp_path_factory):
    """A server with a limit of pixels and none of messages, and a model that costs nothing."""
    folder = tmp_path_factory.mktemp("denoise")
    export_halved(folder)
    with serve(folder, max_pixels=4096) as server:
        yield target_of(server)


def test_repeated_large_messages_are_refused_at_a_rate_that_delays_no_other_call(loaded_at_once):
    large, codes = floats((1, 1024, 683, 3)), Counter()  # 8 MiB
    enough = threading.Event()

    def repeat():
        while not enough.is_set():
            codes[refusal(lambda: loaded_at_once.predict(large))[0]] += 1

    threads = [threading.Thread(target=repeat) for _ in range(3)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    answers = 0
    while time.monotonic() - start < 2:
        answers += bool(loaded_at_once.predict(floats()).outputs)
        assert refusal(lambda: loaded_at_once.predict(floats((1, 65, 64, 3))))
    enough.set()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - start
    assert set(codes) == {grpc.StatusCode.INVALID_ARGUMENT}
    # 64 MiB a second, 8 MiB each, and the first at once. Without the rate 100 and more.
    assert 3 <= codes.total() <= 1 + 8 * seconds
    assert answers > codes.total()


def test_bytes_that_are_no_message_are_refused(small):
    call = small.channel.unary_unary(PREDICT)
    code, text = refusal(lambda: call(b"\xff garbage"))
    assert code is grpc.StatusCode.INTERNAL and "PredictRequest" in text
    code, text = refusal(lambda: call(b""))
    assert (code, text) == (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")


@pytest.mark.parametrize("method", ["Classify", "Regress", "MultiInference"])
def test_unimplemented_methods_are_refused_with_a_message(small, method):
    call = small.channel.unary_unary(f"/tensorflow.serving.PredictionService/{method}")
    code, text = refusal(lambda: call(b""))
    assert code is grpc.StatusCode.UNIMPLEMENTED and method in text
    call = small.channel.unary_unary("/tensorflow.serving.ModelService/HandleReloadConfigRequest")
    assert refusal(lambda: call(b""))[0] is grpc.StatusCode.UNIMPLEMENTED


def test_too_many_requests_are_unavailable_while_health_answers(small):
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


def test_hundred_idle_connections_do_not_delay_requests(small):
    port = int(small.address.rpartition(":")[2])
    rest = int(small.rest.rpartition(":")[2])
    idle = [socket.create_connection(("127.0.0.1", one)) for one in (port, rest) * 50]
    # Calls that are opened and never send a message.
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


def test_tensor_content_is_returned_on_request(small):
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


def test_http_metrics_count_requests(small):
    small.predict(floats())
    refusal(lambda: small.predict(floats((1, 64, 64, 3)), timeout=0.001))
    with urllib.request.urlopen(f"{small.rest}/monitoring/prometheus/metrics") as answer:
        text = answer.read().decode()
    assert ':tensorflow:serving:request_count{model_name="denoise",status="OK"}' in text
    assert 'runtime_latency_count{API="Predict",model_name="denoise",runtime="TF1"}' in text
