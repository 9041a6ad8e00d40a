"""Restoring pictures on a server that speaks TF-Serving's API."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from keras_hyper.serving.client_answers import arrays
from keras_hyper.serving.client_channel import Channel
from keras_hyper.serving.client_model import ServedModel, read_metadata, with_card
from keras_hyper.serving.client_picture import PictureOnTheWay, levels_for
from keras_hyper.serving.client_retry import CallError, Patience

# How many versions may come and go while one picture is under way.
_SWAPS = 4


class _VersionGoneError(CallError):
    """The version that this client had settled on was unloaded."""


class Client:
    """Restores pictures by a model that TF-Serving, or `keras-hyper serve`, has loaded.

    What comes back equals `keras_hyper.restore` with the same network, in tiles too. Threads may
    share a client.

    Args:
        address: ``host:port``. A name with several addresses is used as all of them.
        model: The model's name there.
        version: Number of a version; by default the newest that is loaded.
        label: A version's label instead, such as ``"stable"``.
        slow_link: Send and receive 8-bit pictures as PNG files instead of raw pixels: fewer bytes,
            more work at both ends.
        halo: How far, in pixels, an output looks. A model that this package exported says so
            itself; of another it must be given for pictures that take more than one tile.
        concurrency: Calls under way at once, over all threads.
        timeout: Seconds that one call (one tile) may take, repetitions included.
        credentials: For TLS; see `keras_hyper.serving.client_channel.tls`.
        options: Further options of the gRPC channel by name.

    Raises:
        ValueError: If an argument makes no sense. Nothing is sent yet.

    Example:
        >>> with Client("localhost:8500", "denoise") as client:  # doctest: +SKIP
        ...     picture = client.restore(picture, level=25)
    """

    def __init__(
        self,
        address: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        slow_link: bool = False,
        halo: int | None = None,
        concurrency: int = 4,
        timeout: float = 60.0,
        credentials: grpc.ChannelCredentials | None = None,
        options: dict | None = None,
    ):
        if version is not None and label is not None:
            raise ValueError(
                f"A version or a label was wanted. Received: version={version}, label={label!r}"
            )
        if halo is not None and (halo < 0 or halo % 2):
            raise ValueError(f"`halo` must be even and not negative. Received: halo={halo}")
        self.who = f"server {address}, model {model}"
        self.model, self.version, self.label = model, version, label
        self.slow_link, self.halo = slow_link, halo
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="keras-hyper-client")
        self._patience = Patience(timeout)
        self._channel = Channel(address, credentials, options)
        self._served: ServedModel | None = None
        self._lock = threading.Lock()

    def restore(
        self,
        picture: np.ndarray,
        level: float | None = None,
        *,
        tile: int = 512,
        on_tile: Callable[[int, int], None] = lambda done, count: None,
    ) -> np.ndarray:
        """Restores a picture, in tiles over many calls where it is large.

        Args:
            picture: Whatever `keras_hyper.restore` takes: ``(height, width)`` or ``(height, width,
                1 to 4)``, uint8, uint16 or float in [0, 1].
            level: In the task's unit; None for an export of one level.
            tile: Pixels that a tile adds in each direction, even.
            on_tile: Called with the tiles done and their number.

        Returns:
            A picture of the same shape and type. All its tiles are by one version.

        Raises:
            ValueError: If picture or level is of another kind; the text says what came.
            CallError: If the server refused or could not be reached; with its code and text.
        """
        return self._restore(self._on_the_way(picture, tile), [level], on_tile)

    def sweep(
        self,
        picture: np.ndarray,
        levels: Sequence[float],
        *,
        tile: int = 512,
        on_tile: Callable[[int, int], None] = lambda done, count: None,
    ) -> np.ndarray:
        """Restores one picture at several levels; it travels once.

        Args:
            picture: As in `restore`.
            levels: K levels in the task's unit.
            tile: As in `restore`.
            on_tile: As in `restore`.

        Returns:
            ``(K, *picture.shape)``, of the picture's type.

        Raises:
            ValueError: As `restore`, or if the model has no signature ``sweep``.
            CallError: As `restore`.
        """
        if not len(levels):
            raise ValueError("at least one level was wanted. Received: none")
        if "sweep" not in self.served_model().signatures:
            raise ValueError(f"{self.who}: it has no signature `sweep`; `restore` level by level")
        return self._restore(self._on_the_way(picture, tile, len(levels)), levels, on_tile)

    def _on_the_way(self, picture, tile, levels=0):
        return PictureOnTheWay(
            picture, tile=tile, halo=self.halo, slow_link=self.slow_link, levels=levels
        )

    def _restore(self, picture, levels, on_tile):
        served = self.served_model()
        levels = levels_for(served, levels)
        many = len(picture.windows(served)) > 1

        def once():
            # The newest now, by its number: what comes meanwhile has no part in this picture.
            now = self.served_model(again=many)
            version = now.version if many else self.version
            return picture.restored(
                now,
                lambda form, pixels: self._restored_window(form, pixels, levels, version),
                self._pool,
                on_tile,
            )

        return _while_versions_change(once)

    def _restored_window(self, form, pixels, levels, version):
        inputs = {form.takes: form.to_wire(pixels)}
        if levels is not None:
            inputs["level"] = levels
        answer = self._predict(form.signature, inputs, version)
        restored = form.from_wire(answer[form.gives])
        if restored.shape[-3:] != pixels.shape:
            raise CallError(
                self.who,
                grpc.StatusCode.UNKNOWN,
                f"{form.signature} answered shape {restored.shape} to {pixels.shape}",
            )
        return restored

    def _predict(self, signature, inputs, version):
        request = predict_pb2.PredictRequest()
        self._name(request.model_spec, version)
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        try:
            return arrays(self._call(self._channel.predict, request))
        except CallError as error:
            if error.code is grpc.StatusCode.NOT_FOUND and version != self.version:
                raise _VersionGoneError(self.who, error.code, error.details) from error
            raise

    def _name(self, spec, version):
        spec.name = self.model
        if version is not None:
            spec.version.value = version
        elif self.label is not None:
            spec.version_label = self.label

    def _call(self, method, request):
        return self._patience.call(self.who, lambda left: method(request, timeout=left))

    def served_model(self, again: bool = False) -> ServedModel:
        """Returns what the server says of the model.

        Args:
            again: Ask even if it was asked before: the version may be another now.

        Raises:
            CallError: If there is no such model, or no answer.
            ValueError: If the model restores no pictures.
        """
        with self._lock:
            if self._served is None or again:
                self._served = _while_versions_change(self._ask)
            return self._served

    def _ask(self):
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        self._name(request.model_spec, self.version)
        try:
            served = read_metadata(self._call(self._channel.metadata, request))
        except ValueError as error:
            raise ValueError(f"{self.who}: {error}") from error
        if "describe" not in served.signatures:
            return served
        answer = self._predict("describe", {"query": np.array([b""], object)}, served.version)
        return with_card(served, answer["card"][0])

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
                answer = self._channel.status(request, timeout=left)
            except grpc.RpcError as error:
                code, said = error.code(), error.details()
            else:
                states = answer.model_version_status
                if any(state.state == state.AVAILABLE for state in states):
                    return
                said = "; ".join(map(_said, states))
            time.sleep(min(0.1, left))
        raise CallError(self.who, code, said)

    def close(self) -> None:
        """Ends the connection; calls under way fail."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def _said(state):
    name = type(state).State.Name(state.state)
    return f"version {state.version} is {name} {state.status.error_message}".strip()


def _while_versions_change(function):
    for _ in range(_SWAPS):
        try:
            return function()
        except _VersionGoneError as error:
            last = error
    raise last
