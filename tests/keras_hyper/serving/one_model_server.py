"""Our server with one model, and helpers that wait for a state."""

import time

from grpc_health.v1 import health_pb2, health_pb2_grpc

from keras_hyper.serving.server import Server
from keras_hyper.serving.server.config import ModelConfig, Options
from tests.keras_hyper.serving.conftest import MODELS, SMALL
from tests.keras_hyper.serving.responses import status_request


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
