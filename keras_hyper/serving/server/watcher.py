"""All models that are served, polled from the disk."""

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from keras_hyper.serving.server.config import ModelConfig
from keras_hyper.serving.server.errors import invalid
from keras_hyper.serving.server.model import Model, no_such_version
from keras_hyper.serving.server.version import Hold

_log = logging.getLogger(__name__)


class Watcher:
    """Polls the models, each in its own time: one that loads for long delays no other.

    Args:
        configs: Returns the models; asked at each poll, so that new ones may come.
        interval: Seconds between polls; 0 polls once.
    """

    def __init__(self, configs: Callable[[], Iterable[ModelConfig]], interval: float = 1.0):
        self._configs = configs
        self._interval = interval
        self._models: dict[str, Model] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="versions", daemon=True)
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="loading")
        self._busy: dict[str, Future] = {}

    def start(self) -> None:
        """Polls each model once to the end, then in the background."""
        self._begin_polls()
        for poll in list(self._busy.values()):
            poll.result()
        if self._interval:
            self._thread.start()

    def stop(self) -> None:
        """Stops polling and closes all versions."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown()
        for model in self._models.values():
            model.close()

    @property
    def names(self) -> list[str]:
        """The names of the models."""
        return sorted(self._models)

    def is_available(self) -> bool:
        """Whether any version of any model answers."""
        return any(model.available for model in self._models.values())

    def model(self, name: str) -> Model | None:
        """Returns the model of that name, or None.

        Raises:
            ServingError: INVALID_ARGUMENT if the name is empty.
        """
        if not name:
            raise invalid("ModelSpec has no name specified.")
        return self._models.get(name)

    def acquire(self, name: str, number: int | None, label: str) -> Hold:
        """Takes a hold of a version; whoever takes it calls its ``release``.

        Raises:
            ServingError: NOT_FOUND or INVALID_ARGUMENT.
        """
        model = self.model(name)
        if model is None:
            if label:
                raise invalid(f"Unrecognized servable version label: {label}")
            raise no_such_version(name, number)
        return model.acquire(number, label)

    def _watch(self):
        while not self._stopping.wait(self._interval):
            self._begin_polls()

    def _begin_polls(self):
        try:
            configs = list(self._configs())
        except (OSError, ValueError) as error:
            _log.warning("the models are left as they are: %s", error)
            configs = []
        new = {c.name: Model(c) for c in configs if c.name not in self._models}
        self._models = {**self._models, **new}
        for name, model in self._models.items():
            last = self._busy.get(name)
            if last is None or last.done():
                self._busy[name] = self._pool.submit(_poll, model)


def _poll(model):
    try:
        model.poll()
    except Exception:  # one model's trouble must not end the watch over it
        _log.exception("%s: the poll failed; the next one tries again", model.config.name)
