"""Calls to one model of a server: connection, retries, errors and the model's description."""

import contextlib
import dataclasses
import json
import random
import time
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np

from keras_hyper.serving.client import tf_serving_pb2 as api
from keras_hyper.serving.client.tensors import DT_FLOAT, to_array, to_tensor

_OPTIONS = {
    # gRPC's own limit of 4 MB is less than one float picture of 600x600.
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": -1,
    # Uses every address of a host name.
    "grpc.lb_policy_name": "round_robin",
    # Reconnects soon to a server that was restarted.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
}
# Asks `keras-hyper serve` for tensors as packed bytes; TF-Serving ignores it.
_METADATA = (("keras-hyper-tensor-content", "1"),)
_MOST_VERSION_CHANGES = 3
_CODE = grpc.StatusCode
# The server was unreachable, busy, or cancelled the call; the request itself was valid. The client
# cancels none.
_TRANSIENT = {_CODE.UNAVAILABLE, _CODE.RESOURCE_EXHAUSTED, _CODE.ABORTED, _CODE.CANCELLED}
_REQUEST_SPECIFIC = {
    _CODE.INVALID_ARGUMENT, _CODE.OUT_OF_RANGE, _CODE.DEADLINE_EXCEEDED, _CODE.RESOURCE_EXHAUSTED,
    _CODE.INTERNAL,
}  # fmt: skip
# Texts of other passing errors: TF-Serving's where batching joined requests of different sizes and
# failed them all, and gRPC's where a proxy lost its server in the middle of an answer.
_TRANSIENT_TEXTS = ("padding is turned off", "Stream removed")
# gRPC's text for a message above the limit of one side, under RESOURCE_EXHAUSTED.
_TOO_LARGE = "larger than max"


class CallError(OSError):
    """A call that failed.

    Args:
        target: The address and the model.
        code: The `grpc.StatusCode`.
        details: The server's text.
    """

    def __init__(self, target: str, code: grpc.StatusCode, details: str):
        super().__init__(f"{target}: {code.name}: {details}")
        self.code = code
        self.details = details

    @property
    def request_specific(self) -> bool:
        """Whether another request may succeed; False where the server itself has failed."""
        return self.code in _REQUEST_SPECIFIC


class VersionGoneError(CallError):
    """The version that the client had chosen was unloaded."""


def retry_on_version_change(function: Callable[[], Any]) -> Any:
    """Returns ``function()``, called again when the version that it uses is unloaded."""
    for _ in range(_MOST_VERSION_CHANGES):
        with contextlib.suppress(VersionGoneError):
            return function()
    return function()


class Retries:
    """Repeats calls that failed for a passing reason, until a deadline.

    gRPC's own retries end after five attempts, and know a failure by its code alone: a full server
    and a message that is too large have the same one.

    Args:
        seconds: Deadline of a call, repetitions included.
        first_contact: Deadline until the server has answered once: a wrong address fails soon, a
            server that restarts is awaited.
        pause: Seconds before the first repetition; doubled each time, less a random part.
        longest: Longest pause in seconds.

    Raises:
        ValueError: If `seconds` is not positive.
    """

    def __init__(
        self, seconds: float, first_contact: float = 5.0, pause: float = 0.1, longest: float = 2.0
    ):
        if not seconds > 0:
            raise ValueError(f"expected a positive timeout in seconds, got timeout={seconds}")
        self.seconds = seconds
        self.first_contact = min(first_contact, seconds)
        self.pause = pause
        self.longest = longest
        self._has_answered = False

    def call(self, target: str, function: Callable[[float], Any]) -> Any:
        """Returns ``function(timeout)``, repeated while it fails for a passing reason.

        Raises:
            CallError: If it failed for another reason, or the deadline passed.
        """
        start, pause = time.monotonic(), self.pause
        while True:
            try:
                result = function(start + self.seconds - time.monotonic())
            except grpc.RpcError as error:
                code, details = error.code(), error.details() or ""
                self._has_answered |= code is not _CODE.UNAVAILABLE
                wait = pause * random.uniform(0.5, 1.0)
                allowed = self.seconds if self._has_answered else self.first_contact
                late = time.monotonic() - start + wait >= allowed
                transient = code in _TRANSIENT and _TOO_LARGE not in details
                transient |= any(text in details for text in _TRANSIENT_TEXTS)
                if late or not transient:
                    raise CallError(target, code, details) from error
            else:
                self._has_answered = True
                return result
            time.sleep(wait)
            pause = min(2 * pause, self.longest)


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """The model version that a client uses.

    Args:
        version: Its number.
        channels: 1 or 3.
        takes_level: False for an export of one level.
        signatures: Names of its signatures.
        card: The export's card, from its signature ``describe``; empty if it has none.
    """

    version: int
    channels: int
    takes_level: bool
    signatures: frozenset[str]
    card: dict = dataclasses.field(default_factory=dict)

    @property
    def halo(self) -> int | None:
        """Margin in pixels that determines an output pixel; None if the card has none."""
        return self.card.get("halo")

    @property
    def level_range(self) -> tuple[Any, ...]:
        """Lowest and highest level trained on, or such a pair for each axis; see `Restorer`."""
        return tuple(self.card.get("level_range", (0.0, float("inf"))))


class ModelCalls:
    """Calls to one model of one server.

    Args:
        address: ``host:port``.
        model: The model's name on the server.
        version: The version to use, or None.
        label: The label to use, or None.
        timeout: Seconds that a call may take, repetitions included.
        credentials: For `grpc.secure_channel`; None for an insecure channel.
        options: gRPC options of the channel by name; they override ours.
    """

    def __init__(
        self,
        address: str,
        model: str,
        version: int | None = None,
        label: str | None = None,
        timeout: float = 60.0,
        credentials: grpc.ChannelCredentials | None = None,
        options: dict | None = None,
    ):
        self.target = f"server {address}, model {model}"
        self.model, self.version, self.label = model, version, label
        self.retries = Retries(timeout)
        arguments = list({**_OPTIONS, **(options or {})}.items())
        self.channel = (
            grpc.insecure_channel(address, arguments)
            if credentials is None
            else grpc.secure_channel(address, credentials, arguments)
        )

    def _method(self, name, response):
        return self.channel.unary_unary(
            f"/tensorflow.serving.{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=response.FromString,
        )

    def _call(self, name, request, response):
        method = self._method(name, response)
        return self.retries.call(
            self.target, lambda timeout: method(request, timeout=timeout, metadata=_METADATA)
        )

    def _spec(self, version, signature=""):
        spec = api.ModelSpec(name=self.model, signature_name=signature)
        if version is not None:
            spec.version.value = version
        elif self.label is not None:
            spec.version_label = self.label
        return spec

    def predict(
        self, signature: str, inputs: dict[str, np.ndarray], version: int | None
    ) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature by name.

        Args:
            signature: Its name.
            inputs: Arrays by name.
            version: The version to use; None for the newest.

        Raises:
            VersionGoneError: If the client chose that version itself and it was unloaded.
            CallError: If the server refused the request or could not be reached.
        """
        request = api.PredictRequest(
            model_spec=self._spec(version, signature),
            inputs={name: to_tensor(value) for name, value in inputs.items()},
        )
        try:
            response = self._call("PredictionService/Predict", request, api.PredictResponse)
        except CallError as error:
            if error.code is _CODE.NOT_FOUND and version != self.version:
                raise VersionGoneError(self.target, error.code, error.details) from error
            raise
        return {name: to_array(tensor) for name, tensor in response.outputs.items()}

    def describe(self) -> ServedModel:
        """Returns the description of the model version that answers now.

        Raises:
            CallError: If the server refused the request or could not be reached.
            ValueError: If the model does not restore pictures.
        """
        request = api.GetModelMetadataRequest(
            model_spec=self._spec(self.version), metadata_field=["signature_def"]
        )
        response = self._call(
            "PredictionService/GetModelMetadata", request, api.GetModelMetadataResponse
        )
        packed = response.metadata["signature_def"].value
        signatures = api.SignatureDefMap.FromString(packed).signature_def
        known = ", ".join(
            f"{name}({', '.join(sorted(signature.inputs))})"
            for name, signature in sorted(signatures.items())
            if signature.method_name
        )
        inputs = signatures["serving_default"].inputs
        image = inputs["image"]
        if image.dtype != DT_FLOAT or len(image.tensor_shape.dim) != 4:
            raise ValueError(
                f"{self.target}: expected the signature `serving_default` with a float input "
                f"`image` (batch, height, width, channels), got {known}"
            )
        version = response.model_spec.version.value
        card = {}
        if "describe" in signatures:
            answer = self.predict("describe", {"query": np.array([b""], object)}, version)
            card = json.loads(answer["card"][0])
        names = frozenset(signatures)
        return ServedModel(version, image.tensor_shape.dim[3].size, "level" in inputs, names, card)

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Waits until a version of the model is available.

        Raises:
            CallError: If none is available in time, with the server's last text.
        """
        request = api.GetModelStatusRequest(model_spec=self._spec(self.version))
        method = self._method("ModelService/GetModelStatus", api.GetModelStatusResponse)
        end = time.monotonic() + seconds
        code, text = _CODE.UNAVAILABLE, "no answer"
        while (remaining := end - time.monotonic()) > 0:
            try:
                versions = method(request, timeout=remaining).model_version_status
            except grpc.RpcError as error:
                code, text = error.code(), error.details()
            else:
                if any(version.state == version.AVAILABLE for version in versions):
                    return
                text = "; ".join(
                    f"version {version.version} is {version.State.Name(version.state)} "
                    f"{version.status.error_message}".strip()
                    for version in versions
                )
            time.sleep(min(0.1, remaining))
        raise CallError(self.target, code, text)
