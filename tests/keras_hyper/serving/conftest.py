"""Servers under test: ours, and servers named in the environment.

TF_SERVING_ADDRESS is gRPC's ``HOST:PORT`` of a server that has ``saved_models/denoise`` as
``denoise``; TF_SERVING_REST the one of REST. TF_SERVING_FOLDER is the folder that it watches for
that model, as seen from here, for the tests that add and remove versions. TF_SERVING_IDLE are the
seconds after which it closes unused connections, if it does.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from benchmarks.served import export_tiny
from keras_hyper.export.session import ServingSession
from keras_hyper.serving.server import Server
from keras_hyper.serving.server.config import Options, models_of_folder
from tests.conftest import ROOT

MODELS = ROOT / "saved_models"
# Limits that a test exceeds quickly.
# Half of it is the limit of one request. With AVX2 alone a pixel takes up to 1.7 kB.
MEMORY = 384 << 20
PINGS = "grpc.http2.min_ping_interval_without_data_ms=20,grpc.keepalive_permit_without_calls=1"
SMALL = {"port": 0, "rest_port": 0, "poll": 0.1, "drain": 0.0, "grace": 5.0}


@dataclass
class Target:
    """A server under test."""

    address: str
    rest: str | None
    folder: Path | None = None
    pid: int | None = None
    idle: float | None = None

    def __post_init__(self):
        self.channel = grpc.insecure_channel(
            self.address,
            options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
        )
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def predict(self, request, timeout=60, **more):
        return self.prediction.Predict(request, timeout=timeout, **more)


def target_of(server, folder=None):
    rest = server.rest_port and f"http://127.0.0.1:{server.rest_port}"
    return Target(f"127.0.0.1:{server.port}", rest, folder)


@pytest.fixture(scope="session")
def ours():
    models = [one for one in models_of_folder(MODELS) if one.name == "denoise"]
    with Server(lambda: models, Options(**SMALL)) as server:
        target = target_of(server)
        yield target
        target.channel.close()


@pytest.fixture(scope="session", params=["ours", "TF_SERVING_ADDRESS"])
def target(request):
    if request.param == "ours":
        return request.getfixturevalue("ours")
    if request.param not in os.environ:
        pytest.skip("TF_SERVING_ADDRESS names no server to compare with")
    return named_target()


def named_target():
    """Returns the server that the environment names."""
    found = os.environ.get
    folder, pid, idle = (found(f"TF_SERVING_{name}") for name in ("FOLDER", "PID", "IDLE"))
    return Target(
        os.environ["TF_SERVING_ADDRESS"], found("TF_SERVING_REST"), folder and Path(folder),
        pid and int(pid), idle and float(idle),
    )  # fmt: skip


@pytest.fixture(scope="session", params=["ours", "TF_SERVING_ADDRESS"])
def server(request, tmp_path_factory):
    """A server to attack: ours with small limits in another process, or the named one."""
    if request.param != "ours":
        if request.param not in os.environ:
            pytest.skip("TF_SERVING_ADDRESS names no server to attack")
        yield named_target()
        return
    models = tmp_path_factory.mktemp("models")
    export_tiny(models / "denoise")
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_hyper", "serve", "--models", models, "--port", "0",
         "--rest-port", "0", "--poll", "0.2", "--max-memory", str(MEMORY), "--max-queue", "32",
         "--grpc_channel_arguments", PINGS],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    ports = re.findall(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
    rest = f"http://127.0.0.1:{ports[1]}"
    target = Target(f"127.0.0.1:{ports[0]}", rest, models / "denoise", process.pid)
    yield target
    target.channel.close()
    process.kill()
    process.stdout.close()
    process.wait()


@pytest.fixture
def rest(target):
    if target.rest is None:
        pytest.skip("TF_SERVING_REST names no server to compare with")
    return target.rest.rstrip("/")


@pytest.fixture(scope="session")
def local():
    """The network of the servers, in this process."""
    with ServingSession(MODELS / "denoise" / "1") as session:
        yield session
