"""Requests of an adversary, to our server or one that is named by its address.

As the conformance tests: TF_SERVING_ADDRESS and TF_SERVING_REST name another server with
``saved_models/denoise``. Its memory is measured where TF_SERVING_PID is its process.
"""

import gzip
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest

from benchmarks.bombs import lists
from tests.keras_hyper.serving.conftest import MEMORY
from tests.keras_hyper.serving.request_cases import INVALID, floats, pixels, request_for
from tests.keras_hyper.serving.responses import refusal
from tests.keras_hyper.serving.server.test_bodies import submessages

PATH = "/v1/models/denoise:predict"
BUSY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


def post(server, body, **headers):
    """Returns status, JSON and seconds of a REST call."""
    if server.rest is None:
        pytest.skip("TF_SERVING_REST names no server to attack")
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    start = time.monotonic()
    try:
        request = urllib.request.Request(server.rest.rstrip("/") + PATH, body, names)
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            found = error.code, json.loads(error.read())
    return *found, time.monotonic() - start


def bomb(count, part=b"[]"):
    """Packed JSON with as many parts in one list."""
    return gzip.compress(lists(count, part), 6)


@pytest.mark.parametrize(
    "packed",
    [
        bomb(4 << 20),  # 12 MiB of lists in 12 KB
        bomb(20 << 20),
        bomb(1 << 20, b'{"":0}'),
        bomb(1000, b"[" * 500 + b"]" * 500),
    ],
    ids=["12 MiB of lists", "60 MiB of lists", "objects", "deep"],
)
def test_packed_bombs_are_refused_and_delay_no_other_call(server, packed):
    found, slowest = [], 0.0
    usual = min(seconds_of(server) for _ in range(5))
    thread = threading.Thread(
        target=lambda: found.append(post(server, packed, Content_Encoding="gzip"))
    )
    thread.start()
    while thread.is_alive():
        slowest = max(slowest, seconds_of(server))
    ((status, answer, seconds),) = found
    assert status in (400, 413) and answer["error"] and seconds < 10
    # 7 seconds and more without the limits; the margin is for a busy machine.
    assert slowest < 2 * usual + 2


def seconds_of(server):
    start = time.monotonic()
    assert server.predict(floats((1, 64, 64, 3)), timeout=30).outputs
    return time.monotonic() - start


def test_long_text_among_numbers_is_not_multiplied(server):
    text = b'"' + b"1" * 1_000_000 + b'"'
    body = b'{"inputs":{"image":[' + text + b',"1"' * 100_000 + b'],"level":[1]}}'
    assert post(server, body)[0] in (400, 413)
    assert seconds_of(server) < 30


@pytest.mark.parametrize("tag", [2, 8, 14])
def test_messages_of_empty_submessages_are_refused(server, tag):
    call = server.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    code, _ = refusal(lambda: call(submessages(tag, 1 << 22), timeout=30))
    assert code is not grpc.StatusCode.OK
    assert seconds_of(server) < 30


def test_initialisation_cannot_be_called_and_delays_no_other_call(server):
    status, answer, _ = post(server, b'{"signature_name":"__saved_model_init_op","inputs":{}}')
    assert status == 400 and answer["error"]
    large = request_for(signature="serving_uint8", image=pixels(1, 256, 256, 3), level=[25.0])
    with ThreadPoolExecutor(8) as threads:
        good = [threads.submit(server.predict, large) for _ in range(2)]
        request = request_for(signature="__saved_model_init_op")
        bad = [threads.submit(refusal, lambda: server.predict(request)) for _ in range(4)]
        assert {one.result()[0] for one in bad} == {INVALID}
        assert all(one.result().outputs for one in good)
    assert seconds_of(server) < 30


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_damaged_packed_body_is_a_json_error(server, encoding):
    status, answer, _ = post(server, b"\x1f\x8bno gzip", Content_Encoding=encoding)
    assert status == 400 and answer["error"]


@pytest.mark.parametrize(
    ("name", "status"), [("localhost", 400), ("127.0.0.1:8501", 400), ("evil.example", 403)]
)
def test_names_of_other_sites_are_refused(server, name, status):
    if server.pid is None:
        pytest.skip("TF_SERVING_PID names no process: TF-Serving has no list of hosts")
    assert post(server, b"{}", Host=name, Origin=f"http://{name}")[0] == status


@pytest.mark.parametrize(
    ("scale", "level", "words"), [(255, 25, "pixels"), (1, 1e30, "level"), (1, -5, "level")]
)
def test_values_of_another_unit_are_refused(server, scale, level, words):
    image = np.full((1, 8, 8, 3), 0.7 * scale, np.float32)
    request = request_for(image=image, level=np.float32([level]))
    code, text = refusal(lambda: server.predict(request))
    assert code is INVALID and words in text and re.search(r"\d", text)


def test_unknown_label_is_refused(server):
    request = floats((1, 8, 8, 3))
    request.model_spec.version_label = "missing"
    assert refusal(lambda: server.predict(request))[0] in (
        INVALID,
        grpc.StatusCode.FAILED_PRECONDITION,
    )


def memory_of(server, what="VmRSS"):
    if server.pid is None:
        pytest.skip("TF_SERVING_PID names no process to measure")
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+)", status)[1]) << 10


def test_memory_stays_below_the_stated_ceiling(server):
    def one(number):
        signature = ("serving_uint8", "serving_default")[number % 2]
        image = pixels(1, 288, 288, 3)
        image = image / np.float32(255) if number % 2 else image
        request = request_for(signature=signature, image=image, level=np.float32([25]))
        for _ in range(1000):
            try:
                return len(server.predict(request).outputs["restored"].tensor_shape.dim)
            except grpc.RpcError as error:
                assert error.code() in BUSY
                time.sleep(0.02)
        raise TimeoutError

    before = memory_of(server)
    packed = bomb(20 << 20)
    with ThreadPoolExecutor(16) as threads:
        bombs = [threads.submit(post, server, packed, Content_Encoding="gzip") for _ in range(4)]
        # Those that are refused try again, as clients do.
        assert list(threads.map(one, range(12))) == [4] * 12
        assert all(bomb.result()[0] in (400, 413, 503) for bomb in bombs)
    # On top come messages that were received and not yet admitted.
    assert memory_of(server, "VmHWM") - before < MEMORY + 12 * (1 << 20)


def test_pictures_of_16_megapixels_are_bounded(server):
    image = np.zeros((1, 4096, 4096, 3), np.uint8)
    request = request_for(signature="serving_uint8", image=image, level=np.float32([25]))

    def one(_):
        try:
            return len(server.predict(request, timeout=600).outputs["restored"].tensor_shape.dim)
        except grpc.RpcError as error:
            assert error.code() in (INVALID, *BUSY) and "bytes" in error.details()
            return 4

    before = memory_of(server)
    with ThreadPoolExecutor(2) as threads:
        assert [one(0), *threads.map(one, range(2))] == [4] * 3
    # Each message is in memory twice while gRPC hands it over.
    assert memory_of(server, "VmHWM") - before < MEMORY + 12 * (1 << 20) + 4 * image.nbytes


def counts(server):
    """Returns TF-Serving's counts of requests by status."""
    with urllib.request.urlopen(f"{server.rest}/monitoring/prometheus/metrics") as answer:
        lines = answer.read().decode().splitlines()
    found = Counter()
    for line in lines:
        if line.startswith(":tensorflow:serving:request_count{"):
            found[re.search('status="(.*?)"', line)[1]] += int(float(line.rpartition(" ")[2]))
    return found


def test_every_call_is_counted_under_its_own_code(server):
    request = request_for(signature="serving_uint8", image=pixels(1, 128, 128, 3), level=[25.0])

    def one(number):
        try:
            # Long enough that a busy machine hands a call over in a tenth of it.
            server.predict(request, timeout=4 if number % 2 else 60)
            return "OK"
        except grpc.RpcError as error:
            return error.code().name

    before = counts(server)
    with ThreadPoolExecutor(100) as threads:
        found = Counter(threads.map(one, range(100)))
    time.sleep(0.2)
    counted = counts(server) - before
    # A late call may have ended before the server saw it, or just as it answered.
    late = found["DEADLINE_EXCEEDED"]
    assert counted["UNAVAILABLE"] == found["UNAVAILABLE"] and "CANCELLED" not in counted
    assert 0 <= counted["OK"] - found["OK"] <= late and 100 - late <= counted.total() <= 100


def test_refused_messages_do_not_stay_in_memory_while_their_answers_wait(server):
    image = np.zeros((1, 4097, 4097, 1), np.uint8)  # 16 MiB
    request = request_for(signature="serving_uint8", image=image, level=np.float32([25]))
    data = request.SerializeToString()
    call = server.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    assert refusal(lambda: call(data, timeout=60))[0] is INVALID
    before, counted, waiting = memory_of(server), counts(server)["INVALID_ARGUMENT"], []
    # One after the other, since gRPC takes memory for each that it receives at a time.
    for number in range(1, 13):
        waiting.append(call.future(data, timeout=60))
        while counts(server)["INVALID_ARGUMENT"] < counted + number:
            time.sleep(0.01)
    # All are refused, and the answers go out in 3 seconds.
    assert sum(not one.done() for one in waiting) >= 2
    assert memory_of(server) - before < 6 * len(data)
    assert {one.code() for one in waiting} == {INVALID}
