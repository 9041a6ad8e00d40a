"""One version of a model: its session, its warm-up, and its life from the folder to the end."""

import enum
import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from keras_hyper.export.session import ServingSession
from keras_hyper.serving.server.errors import (
    ServingError,
    UnknownSignatureError,
    invalid,
    serving_error,
)
from keras_hyper.serving.server.tensors import to_array

DEFAULT_SIGNATURE = "serving_default"
# TF-Serving's limit of records in a warm-up file.
MOST_RECORDS = 1000
_PROBE_SIDE = 16
# Seconds between attempts to load after a failure, doubled each time.
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0


class State(enum.IntEnum):
    """States of a version, with the numbers of ModelVersionStatus."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


class LoadedVersion:
    """A SavedModel in TF-Serving's kind of session.

    Args:
        folder: The version's folder.

    Raises:
        OSError, ValueError, tf.errors.OpError: If it cannot be loaded.
    """

    def __init__(self, folder: Path):
        self._session = ServingSession(folder)
        self.definitions = self._session.definitions
        self.signatures = self._session.signatures

    def signature(self, name: str) -> Any:
        """Returns the SignatureDef of that name; the empty name is the default signature.

        Raises:
            UnknownSignatureError: FAILED_PRECONDITION.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self.definitions:
            raise UnknownSignatureError(name)
        return self.definitions[name]

    def run(
        self,
        signature: str,
        inputs: dict[str, np.ndarray],
        outputs: Sequence[str] = (),
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature: Its name.
            inputs: Arrays by input name, of the signature's types and shapes: Python's session
                casts others silently.
            outputs: Names of the requested outputs; empty for all.
            timeout: Seconds, or None for no limit.

        Returns:
            Arrays by output name.

        Raises:
            ServingError: With the graph's code.
        """
        definition = self.signature(signature)
        names = list(outputs or sorted(definition.outputs))
        options = None
        if timeout is not None:
            options = tf.compat.v1.RunOptions(timeout_in_ms=max(1, math.ceil(timeout * 1000)))
        try:
            values = self._session.session.run(
                [definition.outputs[name].name for name in names],
                {definition.inputs[name].name: value for name, value in inputs.items()},
                options=options,
            )
        except tf.errors.OpError as error:
            raise serving_error(error) from error
        return dict(zip(names, values, strict=True))

    def close(self) -> None:
        """Closes the session, in which nothing may run any more."""
        self._session.session.close()


def warm_up(version: LoadedVersion, folder: Path) -> int:
    """Runs the requests of the warm-up file, or a generated one per signature; returns how many.

    Raises:
        ServingError: If one fails, as with missing variables; the version must not be served.
    """
    file = folder / "assets.extra" / "tf_serving_warmup_requests"
    if not file.is_file():
        return _probe(version)
    count = 0
    try:
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            count += 1
            if count > MOST_RECORDS:
                raise invalid(f"{file} has more than {MOST_RECORDS} requests")
            request = PredictionLog.FromString(record).predict_log.request
            inputs = {name: to_array(name, tensor) for name, tensor in request.inputs.items()}
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            different = set(version.signature(name).inputs) ^ set(inputs)
            if different:
                raise invalid(f"{file}: inputs of {name}: {sorted(different)}")
            version.run(name, inputs)
    except (tf.errors.DataLossError, DecodeError) as error:
        raise ServingError(grpc.StatusCode.DATA_LOSS, f"{file}: {error}") from error
    return count


def _probe(version):
    def generated(info):
        sides = [dimension.size for dimension in info.tensor_shape.dim]
        shape = [1 if side < 0 else side for side in sides[:1]]
        shape += [_PROBE_SIDE if side < 0 else side for side in sides[1:]]
        if info.dtype == tf.string.as_datatype_enum:
            picture = tf.io.encode_png(np.zeros((_PROBE_SIDE, _PROBE_SIDE, 3), np.uint8)).numpy()
            return np.full(shape, picture, object)
        return np.ones(shape, tf.as_dtype(info.dtype).as_numpy_dtype)

    for name, definition in version.signatures.items():
        inputs = {key: generated(info) for key, info in definition.inputs.items()}
        try:
            version.run(name, inputs)
        except ServingError as error:
            # The generated request may be invalid for this model; other errors are the model's.
            if error.code is not grpc.StatusCode.INVALID_ARGUMENT:
                raise
    return len(version.signatures)


class Hold:
    """A version in use, which is not closed until `release`.

    Args:
        number: The version's number.
        loaded: Its session.
        leave: Called once, by the first `release`.
    """

    def __init__(self, number: int, loaded: LoadedVersion, leave: Callable[[], None]):
        self.number = number
        self.loaded = loaded
        self._callbacks: list[Callable[[], None]] | None = [leave]
        self._lock = threading.Lock()

    def on_release(self, callback: Callable[[], None]) -> None:
        """Calls `callback` at the release, or now if the hold is released already."""
        with self._lock:
            if self._callbacks is not None:
                self._callbacks.append(callback)
                return
        callback()

    def release(self) -> None:
        """Releases the hold; repeated calls do nothing."""
        with self._lock:
            callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback()


class Version:
    """One numbered folder.

    Args:
        number: The folder's name as a number.
        folder: The folder.
        clock: Returns seconds, for the waits.
    """

    def __init__(self, number: int, folder: Path, clock: Callable[[], float] = time.monotonic):
        self.number = number
        self.folder = folder
        self.state = State.START
        self.error: ServingError | None = None
        self.note = ""
        self.loaded: LoadedVersion | None = None
        self._clock = clock
        self._seen: tuple = ()
        self._failures = 0
        self._next_attempt = 0.0
        self._users = 0
        self._lock = threading.Lock()

    @property
    def text(self) -> str:
        """The reason of its state, or an empty string."""
        return self.error.text if self.error else self.note

    def is_due(self) -> bool:
        """Whether to load it now: the wait after a failure ended, or its files changed."""
        return self._clock() >= self._next_attempt or _files(self.folder) != self._seen

    def load(self) -> bool:
        """Loads and warms up the version; returns whether it is available now.

        After a failure, `error` has the reason and the state is END until the next attempt.
        """
        self._seen = _files(self.folder)
        self.state, self.error = State.LOADING, None
        try:
            loaded = LoadedVersion(self.folder)
            try:
                warm_up(loaded, self.folder)
            except BaseException:
                loaded.close()
                raise
        except Exception as error:  # a damaged file can raise anything
            self.error = serving_error(error)
            self._next_attempt = self._clock() + min(_LONGEST_WAIT, _FIRST_WAIT * 2**self._failures)
            self._failures += 1
            self.state = State.END
            return False
        self._failures, self.note, self.loaded = 0, "", loaded
        self.state = State.AVAILABLE
        return True

    def acquire(self) -> Hold | None:
        """Returns a hold, so that the session stays open; None if the version has ended."""

        def leave():
            with self._lock:
                self._users -= 1

        with self._lock:
            if self.state is not State.AVAILABLE or self.loaded is None:
                return None
            self._users += 1
            return Hold(self.number, self.loaded, leave)

    def retire(self) -> None:
        """Refuses new requests; `close_if_idle` ends the version."""
        with self._lock:
            self.state = State.UNLOADING

    def close_if_idle(self, force: bool = False) -> bool:
        """Closes a retired version whose last request has ended; returns whether it did.

        With `force`, running requests fail instead of delaying it.
        """
        with self._lock:
            if self.state is not State.UNLOADING or (self._users and not force):
                return False
            self.state = State.END
            loaded, self.loaded = self.loaded, None
        if loaded:
            loaded.close()
        return True


def _files(folder):
    """Returns names, sizes and times of a folder's files, to detect changes."""
    try:
        paths = [(path, path.stat()) for path in sorted(folder.rglob("*"))]
    except OSError:  # removed while it is read
        return ()
    return tuple((str(path), status.st_size, status.st_mtime_ns) for path, status in paths)
