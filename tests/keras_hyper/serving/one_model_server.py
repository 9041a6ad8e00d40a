"""Our server with one model, and helpers that wait for a state."""

import time

import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc

from keras_hyper.serving.server import Server
from keras_hyper.serving.server.config import ModelConfig, Options
from tests.keras_hyper.serving.conftest import MODELS, SMALL
from tests.keras_hyper.serving.responses import status_request


def serve(folder=MODELS / "denoise", **options):
    configs = [ModelConfig("denoise", folder)]
    return Server(lambda: configs, Options(**{**SMALL, **options}))


def until(condition, seconds=240):  # a busy machine loads slowly
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


class Halved(tf.Module):
    """A model that is exported and run in no time: half the values and the level."""

    @tf.function
    def serve(self, image, level):
        return {"restored": image // 2 + tf.cast(level[:, None, None, None], image.dtype)}

    def signature(self, kind):
        image = tf.TensorSpec([None, None, None, 3], kind, "image")
        level = tf.TensorSpec([None], tf.float32, "level")
        return self.serve.get_concrete_function(image, level)


def export_halved(folder):
    """Exports it as version 1 of a model's folder."""
    model = Halved()
    kinds = {"serving_default": tf.float32, "serving_uint8": tf.uint8}
    signatures = {name: model.signature(kind) for name, kind in kinds.items()}
    tf.saved_model.save(model, str(folder / "1"), signatures)
