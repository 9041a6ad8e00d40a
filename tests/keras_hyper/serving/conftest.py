"""Servers under test: ours, and servers named in the environment.

TF_SERVING_ADDRESS is gRPC's ``HOST:PORT`` of a server that has ``saved_models/denoise`` as
``denoise``; TF_SERVING_REST the one of REST. TF_SERVING_FOLDER is the folder that it watches for
that model, as seen from here, for the tests that add and remove versions.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from keras_hyper.export.session import ServingSession
from keras_hyper.serving.server import Server
from keras_hyper.serving.server.config import Options, models_of_folder
from tests.conftest import ROOT

MODELS = ROOT / "saved_models"
# Limits that a test exceeds quickly.
SMALL = {"port": 0, "rest_port": 0, "poll": 0.1, "drain": 0.0, "grace": 5.0}


@dataclass
class Target:
    """A server under test."""

    address: str
    rest: str | None
    folder: Path | None = None

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
    return Target(os.environ[request.param], os.environ.get("TF_SERVING_REST"))


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
