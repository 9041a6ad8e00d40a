"""A version of a model from its folder to its end."""

import enum
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import tensorflow as tf

from keras_hyper.serving.server.errors import ServingError, of_tensorflow
from keras_hyper.serving.server.loaded import LoadedVersion
from keras_hyper.serving.server.warming import warm_up

# Seconds between attempts to load what failed to load: doubled each time.
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0


class State(enum.IntEnum):
    """Of a version, with the numbers of ModelVersionStatus."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


class Hold:
    """A version that is in use and is not closed until `release`.

    Args:
        number: The version's number.
        loaded: What runs.
        leave: Called once, by the first `release`.
    """

    def __init__(self, number: int, loaded: LoadedVersion, leave: Callable[[], None]):
        self.number = number
        self.loaded = loaded
        self._leave: list[Callable[[], None]] | None = [leave]
        self._lock = threading.Lock()

    def also(self, undo: Callable[[], None]) -> None:
        """Calls `undo` too when the hold is given back, now if it was."""
        with self._lock:
            if self._leave is not None:
                self._leave.append(undo)
                return
        undo()

    def release(self) -> None:
        """Gives the hold back; more than once does nothing."""
        with self._lock:
            leave, self._leave = self._leave, None
        for undo in leave or ():
            undo()


class Version:
    """One numbered folder.

    Args:
        number: What its name says.
        folder: Where it is.
        clock: Seconds, for the waits.
    """

    def __init__(self, number: int, folder: Path, clock=time.monotonic):
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
        """Why it is in the state it is in; empty if there is nothing to say."""
        return self.error.text if self.error else self.note

    def is_due(self) -> bool:
        """Whether loading should be tried now: it failed long enough ago, or its files changed."""
        return self._clock() >= self._next_attempt or _files(self.folder) != self._seen

    def load(self) -> bool:
        """Loads and warms up; returns whether the version is available now.

        A failure is kept as `error`; the state is then END until the next attempt.
        """
        self._seen = _files(self.folder)
        self.state, self.error = State.LOADING, None
        try:
            self.loaded = _loaded(self.folder)
        except Exception as error:  # the loader raises what the broken file makes it raise
            self.error = _reason(error)
            self._failures += 1
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (self._failures - 1))
            self._next_attempt = self._clock() + wait
            self.state = State.END
            return False
        self._failures, self.note = 0, ""
        self.state = State.AVAILABLE
        return True

    def acquire(self) -> "Hold | None":
        """Takes a hold of the session, so that it is not closed; None if there is none any more."""
        with self._lock:
            if self.state is not State.AVAILABLE or self.loaded is None:
                return None
            self._users += 1
            return Hold(self.number, self.loaded, self._leave)

    def _leave(self):
        with self._lock:
            self._users -= 1

    def retire(self) -> None:
        """Lets nobody new in; `close_if_idle` ends it."""
        with self._lock:
            self.state = State.UNLOADING

    def close_if_idle(self, force: bool = False) -> bool:
        """Closes a retired version once its last request has ended; returns whether it did.

        With `force` also before: what runs in it then fails.
        """
        with self._lock:
            if self.state is not State.UNLOADING or (self._users and not force):
                return False
            self.state = State.END
            loaded, self.loaded = self.loaded, None
        if loaded:
            loaded.close()
        return True


def _loaded(folder):
    loaded = LoadedVersion(folder)
    try:
        warm_up(loaded, folder)
    except BaseException:
        loaded.close()
        raise
    return loaded


def _reason(error):
    if isinstance(error, ServingError):
        return error
    if isinstance(error, tf.errors.OpError):
        return of_tensorflow(error)
    code = grpc.StatusCode.NOT_FOUND if isinstance(error, OSError) else grpc.StatusCode.DATA_LOSS
    return ServingError(code, f"{type(error).__name__}: {error}")


def _files(folder):
    """What tells whether files of a folder changed: their names, sizes and times."""
    try:
        return tuple(
            sorted(
                (str(path), status.st_size, status.st_mtime_ns)
                for path in folder.rglob("*")
                for status in [path.stat()]
            )
        )
    except OSError:  # going away while it is read
        return ()
