"""One version of a model: its session and its life from the folder to the end."""

import enum
import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_hyper.export.session import ServingSession
from keras_hyper.restoration.engines import TENSORFLOW
from keras_hyper.serving.server.cost import Cost, largest
from keras_hyper.serving.server.engine import EngineSession, open_engine
from keras_hyper.serving.server.errors import (
    ServingError,
    UnknownSignatureError,
    invalid,
    serving_error,
)
from keras_hyper.serving.server.warm_up import warm_up

DEFAULT_SIGNATURE = "serving_default"
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
        self._folder = folder
        self._engine: EngineSession | None = None
        # Measured by the warm-up.
        self.costs: dict[str, Cost] = {}

    @property
    def engine(self) -> str:
        """The name of what restores its pictures."""
        return self._engine.engine if self._engine else TENSORFLOW

    def use(self, engine: str) -> None:
        """Lets an engine restore from now on; arguments and errors as of `open_engine`."""
        self._engine = open_engine(self._folder, self._session, engine)

    def signature(self, name: str) -> Any:
        """Returns the SignatureDef of that name; the empty name is the default signature.

        Raises:
            UnknownSignatureError: FAILED_PRECONDITION.
            ServingError: INVALID_ARGUMENT if it has no method name or no inputs, as the
                initialisation of a SavedModel.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self.definitions:
            raise UnknownSignatureError(name)
        definition = self.definitions[name]
        if not (definition.method_name and definition.inputs):
            raise invalid(f'Serving signature key "{name}" cannot be called: it has no inputs.')
        return definition

    def run(
        self,
        signature: str,
        inputs: dict[str, np.ndarray],
        outputs: Sequence[str] = (),
        timeout: float | None = None,
        trace: Any = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature: Its name.
            inputs: Arrays by input name, of the signature's types and shapes: Python's session
                casts others silently.
            outputs: Names of the requested outputs; empty for all.
            timeout: Seconds, or None for no limit.
            trace: A RunMetadata that receives the allocations of the run.

        Returns:
            Arrays by output name.

        Raises:
            ServingError: With the graph's code.
        """
        definition = self.signature(signature)
        names = list(outputs or sorted(definition.outputs))
        if self._engine and signature == "auto":
            return self._auto(self._engine, inputs, names, timeout)
        session = self._session
        if self._engine and signature in self._engine.definitions:
            session = self._engine
        options = _options(timeout)
        if trace:
            options = options or tf.compat.v1.RunOptions()
            options.trace_level = options.FULL_TRACE
        try:
            values = session.session.run(
                [definition.outputs[name].name for name in names],
                {definition.inputs[name].name: value for name, value in inputs.items()},
                options=options,
                run_metadata=trace,
            )
        except tf.errors.OpError as error:
            raise serving_error(error) from error
        return dict(zip(names, values, strict=True))

    def _auto(self, engine, inputs, names, timeout):
        """The graph estimates the level, and the engine restores in the time that is left."""
        begun = time.monotonic()
        found = self.run("estimate", inputs, timeout=timeout)
        if "restored" in names:
            if timeout is not None:
                timeout -= time.monotonic() - begun
            try:
                restored = engine.restore(inputs["image"], found["level"], _options(timeout))
            except tf.errors.OpError as error:
                raise serving_error(error) from error
            found["restored"] = restored
        return {name: found[name] for name in names}

    def cost(self, signature: str) -> Cost:
        """Returns the cost of a signature; the largest known if its own could not be measured."""
        return self.costs.get(signature) or largest(self.costs.values())

    def close(self) -> None:
        """Closes the sessions, in which nothing may run any more."""
        self._session.session.close()
        if self._engine:
            self._engine.session.close()


class Lease:
    """What is taken until `release`, from any thread."""

    def __init__(self):
        self._callbacks: list[Callable[[], None]] | None = []
        self._lock = threading.Lock()

    def on_release(self, callback: Callable[[], None]) -> None:
        """Calls `callback` at the release, or now if it has happened already."""
        with self._lock:
            if self._callbacks is not None:
                self._callbacks.append(callback)
                return
        callback()

    def release(self) -> None:
        """Gives everything back; repeated calls do nothing."""
        with self._lock:
            callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback()


class Hold(Lease):
    """A version in use, which is not closed until `release`.

    Args:
        number: The version's number.
        loaded: Its session.
        leave: Called once, by the first `release`.
    """

    def __init__(self, number: int, loaded: LoadedVersion, leave: Callable[[], None]):
        super().__init__()
        self.number = number
        self.loaded = loaded
        self.on_release(leave)


class Version:
    """One numbered folder.

    Args:
        number: The folder's name as a number.
        folder: The folder.
        clock: Returns seconds, for the waits.
        engine: See `open_engine`.
    """

    def __init__(
        self,
        number: int,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
        engine: str = TENSORFLOW,
    ):
        self.number = number
        self.folder = folder
        self.state = State.START
        self.error: ServingError | None = None
        self.note = ""
        self.loaded: LoadedVersion | None = None
        self._clock = clock
        self._engine = engine
        self.seen: tuple = ()
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
        return self._clock() >= self._next_attempt or _files(self.folder) != self.seen

    def has_grown(self) -> bool:
        """Whether files were added since it was loaded: it was copied while it was polled."""
        return set(_files(self.folder)) > set(self.seen)

    def load(self) -> bool:
        """Loads and warms up the version; returns whether it is available now.

        After a failure, `error` has the reason and the state is END until the next attempt.
        """
        self.seen = _files(self.folder)
        self.state, self.error = State.LOADING, None
        try:
            loaded = LoadedVersion(self.folder)
            try:
                # By TensorFlow, which says what a run takes and takes more than an engine.
                loaded.costs = warm_up(loaded, self.folder)
                loaded.use(self._engine)
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


def _options(timeout: float | None) -> Any:
    """RunOptions with a limit of seconds; None for no limit."""
    if timeout is None:
        return None
    return tf.compat.v1.RunOptions(timeout_in_ms=max(1, math.ceil(timeout * 1000)))


def _files(folder):
    """Returns names, sizes and times of a folder's files, to detect changes."""
    try:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        paths = [(path, path.stat()) for path in files]
    except OSError:  # removed while it is read
        return ()
    return tuple((str(path), status.st_size, status.st_mtime_ns) for path, status in paths)
