"""deploy/haproxy.cfg: its syntax, and a fleet of two servers: one is killed, one restarts."""

import contextlib
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from keras_hyper.serving.client import Client
from tests.deploy.test_deploy import DEPLOY
from tests.keras_hyper.serving.one_model_server import export_halved, serve, until

TEXT = (DEPLOY / "haproxy.cfg").read_text()
PROXY, FIRST, SECOND, RELAY = (f"127.0.0.{number}" for number in range(1, 5))
# Stands for the first server's machine: killed, it closes all connections at once.
RELAY_TEXT = f"""
defaults
  mode tcp
  timeout connect 2s
  timeout client 60s
  timeout server 60s
listen grpc
  bind {RELAY}:8500
  server first {FIRST}:8500
listen rest
  bind {RELAY}:8501
  server first {FIRST}:8501
"""


def test_health_is_the_state_of_every_model():
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((DEPLOY / "config" / "models.config").read_text(), config)
    names = [model.name for model in config.model_config_list.config]
    assert re.findall(r"uri /v1/models/(\w+)", TEXT) == names
    assert TEXT.count("http-check expect") == len(names)


@pytest.fixture(scope="module")
def ports():
    """Two free ports: of gRPC and REST at every address."""
    with socket.create_server((PROXY, 0)) as grpc, socket.create_server((PROXY, 0)) as rest:
        return grpc.getsockname()[1], rest.getsockname()[1]


@pytest.fixture(scope="module")
def write(tmp_path_factory, ports):
    if not shutil.which("haproxy"):
        pytest.skip("haproxy is not installed: `make operators` installs it where it can")

    def written(text):
        text = text.replace("server-1", RELAY).replace("server-2", SECOND)
        text = text.replace("bind :", f"bind {PROXY}:").replace("dejpeg", "denoise")
        file = tmp_path_factory.mktemp("haproxy") / "haproxy.cfg"
        file.write_text(text.replace("8500", str(ports[0])).replace("8501", str(ports[1])))
        return str(file)

    return written


def test_configuration_is_valid(write):
    done = subprocess.run(
        ["haproxy", "-c", "-f", write(TEXT)], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr


@contextlib.contextmanager
def running(file, *address):
    """Runs haproxy, which listens at an address."""
    with (
        subprocess.Popen(["haproxy", "-db", "-q", "-f", file]) as process,
        socket.socket() as probe,
    ):
        try:
            until(lambda: probe.connect_ex(address) == 0)
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def servers(ports, tmp_path_factory):
    at = dict(zip(("port", "rest_port"), ports, strict=True))
    folder = tmp_path_factory.mktemp("denoise")
    export_halved(folder)

    def one(host):
        return serve(folder, host=host, drain=0.8, **at)

    with one(FIRST) as first, one(SECOND):
        yield first, lambda: one(FIRST)


def answered(host, ports):
    """Returns how many calls a server has answered."""
    with urllib.request.urlopen(f"http://{host}:{ports[1]}/monitoring/prometheus/metrics") as page:
        found = re.search(r'request_count\{.*status="OK"\} (\S+)', page.read().decode())
    return float(found[1]) if found else 0


def ask(client, number):
    """Sends more than fits into haproxy's buffer, so that it cannot repeat the call."""
    picture = np.random.default_rng(number).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    restored = client.restore(picture, level=number % 100)
    np.testing.assert_array_equal(restored, picture // 2 + number % 100)


def test_clients_see_no_error_when_a_server_is_killed(servers, ports, write):
    with (
        running(write(RELAY_TEXT), RELAY, ports[0]) as relay,
        running(write(TEXT), PROXY, ports[0]),
        Client(f"{PROXY}:{ports[0]}", "denoise") as client,
        ThreadPoolExecutor(6) as threads,
    ):
        before = [threads.submit(ask, client, number) for number in range(40)]
        until(lambda: sum(one.done() for one in before) >= 4)
        relay.kill()
        after = [threads.submit(ask, client, number) for number in range(40)]
        for one in before + after:
            one.result()
        first, second = answered(FIRST, ports), answered(SECOND, ports)
        assert 0 < first < second and first + second >= 80


def test_clients_see_no_error_while_a_server_restarts(servers, ports, write):
    first, again = servers
    ended = threading.Event()

    def ask_on(number):
        while not ended.is_set():
            ask(client, number)
            number += 1

    text = TEXT.replace("server-1", FIRST).replace("inter 1s fastinter 200ms", "inter 100ms")
    with (
        running(write(text), PROXY, ports[0]),
        Client(f"{PROXY}:{ports[0]}", "denoise") as client,
        ThreadPoolExecutor(6) as threads,
    ):
        calls = [threads.submit(ask_on, 1000 * number) for number in range(6)]
        try:
            before = answered(FIRST, ports)
            until(lambda: answered(FIRST, ports) > before)
            start = time.monotonic()
            first.stop()  # as after SIGTERM
            # The call that gRPC never answers would take the seconds of `grace`.
            assert time.monotonic() - start < 5
            with again():
                until(lambda: answered(FIRST, ports) > 0)
                ended.set()
                for call in calls:
                    call.result()
        finally:
            ended.set()
