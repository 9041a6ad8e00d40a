"""Connections, pings and versions of an adversary, to our server or the named one."""

import contextlib
import os
import re
import shutil
import socket
import threading
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from tensorflow_serving.apis import get_model_metadata_pb2

from keras_hyper.serving.server.config import channel_arguments
from tests.keras_hyper.serving.conftest import PINGS, named_target, target_of
from tests.keras_hyper.serving.one_model_server import export_halved, serve, states_of, until
from tests.keras_hyper.serving.request_cases import floats, pixels, request_for
from tests.keras_hyper.serving.responses import ask

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PING, GOAWAY = 6, 7
# Shorter ones also close connections whose request a busy machine has not read yet.
IDLE = 3.0
LENGTHS = ("Content-Length: 1000", "Transfer-Encoding: chunked")
# A time stamp beyond 2**63.
LONG_NAME = "20261128021459000001"


@pytest.fixture(scope="module", params=["ours", "TF_SERVING_ADDRESS"])
def server(request, tmp_path_factory):
    """Ours, with small limits and a model that is loaded in no time, or the named one."""
    if request.param == "ours":
        folder = tmp_path_factory.mktemp("denoise")
        export_halved(folder)
        with serve(folder, idle=IDLE, channel_arguments=channel_arguments(PINGS)) as server:
            target = target_of(server, folder)
            target.idle = IDLE
            yield target
            target.channel.close()
        return
    if request.param not in os.environ:
        pytest.skip("TF_SERVING_ADDRESS names no server to attack")
    yield named_target()


def connected(address, data=b""):
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(data)
    return connection


def rest_of(server):
    if server.rest is None:
        pytest.skip("TF_SERVING_REST names no server to attack")
    return urllib.parse.urlsplit(server.rest).netloc


def half_sent(length):
    """A predict without its body."""
    rows = ["POST /v1/models/denoise:predict HTTP/1.1", "Host: localhost", length, "", ""]
    return "\r\n".join(rows).encode()


def frame(kind, content=b"", flags=0, stream=0):
    head = len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + content


def unread_call(message):
    """A Predict of a client that takes no byte of its answer."""
    path = "/tensorflow.serving.PredictionService/Predict"
    headers = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost",
               "content-type": "application/grpc", "te": "trailers"}  # fmt: skip
    fields = b"".join(
        b"\0" + b"".join(bytes([len(one)]) + one.encode() for one in row) for row in headers.items()
    )
    no_window = frame(4, (4).to_bytes(2, "big") + bytes(4))
    data = b"\0" + len(message).to_bytes(4, "big") + message
    return PREFACE + no_window + frame(1, fields, 4, 1) + frame(0, data, 1, 1)


def test_idle_and_half_sent_connections_are_closed(server):
    if server.idle is None:
        pytest.skip("TF_SERVING_IDLE names no seconds: TF-Serving never closes them")
    rest, half = rest_of(server), b"GET / HTTP/1.1\r\nHos"
    kinds = [(server.address, b""), (server.address, PREFACE), (rest, b""), (rest, half)]
    kinds += [(rest, half_sent(length)) for length in LENGTHS]
    # Both ends of ours are of this process, which may have 1024 files.
    idle = [connected(*kind) for kind in kinds * (100 if server.pid else 50)]
    try:
        end = time.monotonic() + server.idle + 20
        assert server.predict(floats(), timeout=30).outputs
        for one in idle:
            one.settimeout(max(0.01, end - time.monotonic()))
            while one.recv(1 << 16):
                pass
    finally:
        for one in idle:
            one.close()


@pytest.mark.parametrize("length", LENGTHS)
def test_body_that_does_not_come_is_answered_and_takes_no_place(server, length):
    if server.idle is None:
        pytest.skip(
            "expected TF_SERVING_IDLE: after how many seconds the server ends a silent request"
        )
    rest = rest_of(server)
    # More than the requests that may run at a time.
    silent = [connected(rest, half_sent(length)) for _ in range(100)]
    start = time.monotonic()
    try:
        assert server.predict(floats(), timeout=30).outputs
        silent.pop().close()
        silent[0].settimeout(server.idle + 20)
        assert silent[0].recv(1 << 16).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - start >= 0.9 * server.idle
    finally:
        for one in silent:
            one.close()
    with urllib.request.urlopen(f"{server.rest}/monitoring/prometheus/metrics") as answer:
        text = answer.read().decode()
    assert 'code="DEADLINE_EXCEEDED",entrypoint="REST"' in text and 'code="INTERNAL"' not in text


def waiting_bytes(server):
    with urllib.request.urlopen(f"{server.rest}/monitoring/prometheus/metrics") as answer:
        return float(re.search(r"memory_waiting_bytes (\d\S*)", answer.read().decode())[1])


def test_answer_that_is_not_taken_keeps_its_memory_and_is_given_up(tmp_path):
    rows = b",".join([b"[" + b",".join([b"[0,0,0]"] * 500) + b"]"] * 500)
    body = b'{"inputs": {"image": [[' + rows + b']], "level": [25.123]}}'
    export_halved(tmp_path)
    with serve(tmp_path, idle=IDLE) as server, socket.socket() as connection:
        target = target_of(server)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.rest_port))
        connection.sendall(half_sent(f"Content-Length: {len(body)}") + body)
        assert connection.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"
        answer = waiting_bytes(target)
        assert answer > 4 << 20  # more than Linux buffers
        until(lambda: waiting_bytes(target) == 0)
        connection.settimeout(30)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(1 << 20):
                received += len(part)
        assert received < answer
        target.channel.close()


def test_answer_over_grpc_keeps_its_memory_until_the_connection_ends(tmp_path):
    export_halved(tmp_path)
    message = request_for(signature="serving_uint8", image=pixels(1, 64, 64, 3), level=[25.0])
    with serve(tmp_path) as server:
        target = target_of(server)
        with connected(target.address, unread_call(message.SerializeToString())):
            until(lambda: waiting_bytes(target) > 64 * 64 * 3)
            until(lambda: waiting_bytes(target) < 64 * 64 * 7)  # the request's have been given back
            time.sleep(1)
            assert waiting_bytes(target) > 64 * 64 * 3
        until(lambda: waiting_bytes(target) == 0)
        assert target.predict(message, timeout=30).outputs
        until(lambda: waiting_bytes(target) == 0)
        target.channel.close()


def test_calls_without_a_message_end_with_the_age_of_their_connection(tmp_path):
    export_halved(tmp_path)
    ages = "grpc.max_connection_age_ms=500,grpc.max_connection_age_grace_ms=500"
    with serve(tmp_path, channel_arguments=channel_arguments(ages)) as server:
        target, ended = target_of(server), threading.Event()

        def no_message():
            ended.wait(60)
            yield from ()

        call = target.channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
        try:
            with pytest.raises(grpc.RpcError) as caught:
                call(no_message(), timeout=60)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        finally:
            ended.set()
            target.channel.close()


def test_body_in_parts_is_answered(server):
    body = b'{"inputs": {"image": [[[[0.5, 0.5, 0.5]]]], "level": [25]}}'
    with connected(rest_of(server), half_sent(f"Content-Length: {len(body)}")) as connection:
        for start in range(0, len(body), 20):
            time.sleep(0.2)
            connection.sendall(body[start : start + 20])
        connection.settimeout(30)
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_frequent_pings_do_not_end_a_connection_where_they_are_allowed(server):
    pings = 8
    with connected(server.address, PREFACE + frame(4)) as connection:
        for number in range(pings):
            connection.sendall(frame(PING, number.to_bytes(8, "big")))
            time.sleep(0.1)
        connection.settimeout(10)
        kinds = []
        while kinds.count(PING) < pings:
            head = connection.recv(9, socket.MSG_WAITALL)
            connection.recv(int.from_bytes(head[:3], "big"), socket.MSG_WAITALL)
            kinds.append(head[3])
            assert head[3] != GOAWAY  # too many pings


def test_sockets_of_other_sites_are_refused(server):
    if server.idle is None:
        pytest.skip("TF-Serving has no list of hosts")
    rows = ["GET /v1/models/denoise HTTP/1.1", "Host: evil.example", "Origin: http://evil.example",
            "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]  # fmt: skip
    with connected(rest_of(server), "\r\n".join([*rows, "", ""]).encode()) as connection:
        connection.settimeout(10)
        assert b" 403 " in connection.recv(1 << 16).partition(b"\r\n")[0]


def test_status_and_metadata_stay_right_for_16_clients_while_versions_change(server):
    metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    metadata.model_spec.name = "denoise"
    ended = threading.Event()

    def ask_on(_):
        count = 0
        while not (ended.is_set() and count):
            assert any(state == 30 for _, state in states_of(server))
            answer = server.prediction.GetModelMetadata(metadata, timeout=30)
            assert answer.metadata and answer.model_spec.version.value < 1 << 62
            if server.rest is not None:
                assert ask(f"{server.rest}/v1/models/denoise/metadata")[0] == 200
            count += 1
            time.sleep(0.1)
        return count

    with ThreadPoolExecutor(16) as threads:
        asking = [threads.submit(ask_on, number) for number in range(16)]
        try:
            if server.folder is not None:
                change_versions(server)
        finally:
            ended.set()
        assert all(one.result() for one in asking)


def change_versions(server):
    """Adds a folder that is no version, then a version, and takes both away."""
    first, second, long = (server.folder / name for name in ("1", "2", LONG_NAME))
    try:
        shutil.copytree(first, long)
        shutil.copytree(first, server.folder / "copy")
        (server.folder / "copy").rename(second)
        until(lambda: states_of(server)[0] == (2, 30))
        assert server.predict(floats(), timeout=30).model_spec.version.value == 2
    finally:
        for path in (second, long):
            shutil.rmtree(path, ignore_errors=True)
    until(lambda: (1, 30) in states_of(server))


def test_a_version_that_is_copied_slowly_fails_no_call_and_is_served_at_the_end(server):
    if server.folder is None:
        pytest.skip("TF_SERVING_FOLDER names no folder to copy a version into")
    first, second = server.folder / "1", server.folder / "2"
    try:
        for path in sorted(first.rglob("*")):
            copy = second / path.relative_to(first)
            if path.is_dir():
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            for _ in range(5):
                assert server.predict(floats(), timeout=30).model_spec.version.value in (1, 2)
                time.sleep(0.1)
        until(lambda: (2, 30) in states_of(server))
        assert server.predict(floats(), timeout=30).model_spec.version.value == 2
    finally:
        shutil.rmtree(second, ignore_errors=True)
    until(lambda: (1, 30) in states_of(server))
