"""The calls that a client makes to one model, repeated where that may help."""

import time

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from keras_hyper.serving.client.answers import arrays
from keras_hyper.serving.client.channel import Channel
from keras_hyper.serving.client.model import ServedModel, read_metadata, with_card
from keras_hyper.serving.client.retry import CallError, Patience

# How many versions may come and go while one thing is done.
_SWAPS = 4
# Asks `keras-hyper serve` for tensors as packed bytes; TF-Serving passes over it.
_ASK = (("keras-hyper-tensor-content", "1"),)


class VersionGoneError(CallError):
    """The version that a client had settled on was unloaded."""


def while_versions_change(function):
    """Returns ``function()``, begun again when the version that it settled on is gone."""
    for _ in range(_SWAPS):
        try:
            return function()
        except VersionGoneError as error:
            last = error
    raise last


class ModelCalls:
    """One model of one server.

    Args:
        address: ``host:port``.
        model: The model's name there.
        version: The version to use, or None.
        label: The label to use, or None.
        timeout: Seconds that a call may take, repetitions included.
        credentials: What `Channel` takes.
        options: What `Channel` takes.
    """

    def __init__(self, address, model, version, label, timeout, credentials, options):
        self.who = f"server {address}, model {model}"
        self.model, self.version, self.label = model, version, label
        self.patience = Patience(timeout)
        self.channel = Channel(address, credentials, options)

    def predict(self, signature: str, inputs: dict, version: int | None) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature by name.

        Args:
            signature: Its name.
            inputs: Arrays by name.
            version: The version that was settled on; None for the newest.

        Raises:
            VersionGoneError: If that version was there before and is no longer.
            CallError: If the server refused or could not be reached.
        """
        request = predict_pb2.PredictRequest()
        self._name(request.model_spec, version)
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        try:
            return arrays(self._call(self.channel.predict, request))
        except CallError as error:
            if error.code is grpc.StatusCode.NOT_FOUND and version != self.version:
                raise VersionGoneError(self.who, error.code, error.details) from error
            raise

    def _name(self, spec, version):
        spec.name = self.model
        if version is not None:
            spec.version.value = version
        elif self.label is not None:
            spec.version_label = self.label

    def _call(self, method, request):
        return self.patience.call(
            self.who, lambda left: method(request, timeout=left, metadata=_ASK)
        )

    def describe(self) -> ServedModel:
        """Returns what the server says of the model now.

        Raises:
            CallError: If there is no such model, or no answer.
            ValueError: If the model restores no pictures.
        """
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        self._name(request.model_spec, self.version)
        try:
            served = read_metadata(self._call(self.channel.metadata, request))
        except ValueError as error:
            raise ValueError(f"{self.who}: {error}") from error
        if "describe" not in served.signatures:
            return served
        query = {"query": np.array([b""], object)}
        return with_card(served, self.predict("describe", query, served.version)["card"][0])

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Waits until a version of the model is available.

        Raises:
            CallError: If none was in time; the text is the last that the server said.
        """
        request = get_model_status_pb2.GetModelStatusRequest()
        self._name(request.model_spec, self.version)
        end = time.monotonic() + seconds
        code, said = grpc.StatusCode.UNAVAILABLE, "no answer"
        while (left := end - time.monotonic()) > 0:
            try:
                answer = self.channel.status(request, timeout=left)
            except grpc.RpcError as error:
                code, said = error.code(), error.details()
            else:
                states = answer.model_version_status
                if any(state.state == state.AVAILABLE for state in states):
                    return
                said = "; ".join(map(_said, states))
            time.sleep(min(0.1, left))
        raise CallError(self.who, code, said)


def _said(state):
    name = type(state).State.Name(state.state)
    return f"version {state.version} is {name} {state.status.error_message}".strip()
