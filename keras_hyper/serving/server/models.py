"""The served models: each follows its folder, loads new versions and closes old ones."""

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from keras_hyper.export.card import version_number
from keras_hyper.restoration.engines import TENSORFLOW
from keras_hyper.serving.server.config import ModelConfig
from keras_hyper.serving.server.errors import invalid, not_found
from keras_hyper.serving.server.version import Hold, State, Version

_log = logging.getLogger(__name__)
# Ended versions that GetModelStatus still reports.
_MOST_ENDED = 100


class Model:
    """Loads new versions beside the running one, swaps them, and closes unused ones.

    One thread at a time may call `poll`; any thread may call the other methods.

    Args:
        config: Its name, folder and policy.
        clock: Returns seconds, for the waits between attempts to load.
        engine: What restores its pictures: see `keras_hyper.serving.server.engine.open_engine`.
    """

    def __init__(
        self,
        config: ModelConfig,
        clock: Callable[[], float] = time.monotonic,
        engine: str = TENSORFLOW,
    ):
        self.config = config
        self._clock = clock
        self._engine = engine
        self.load_failures = 0
        self._ignored: set[str] = set()
        self._past: list[Version] = []
        # Both are replaced as a whole and never changed, so that readers need no lock.
        self._versions: dict[int, Version] = {}
        self._available: dict[int, Version] = {}

    @property
    def available(self) -> list[int]:
        """The available versions, ascending."""
        return sorted(self._available)

    def statuses(self) -> list[Version]:
        """Returns all known versions, the highest number first, each number once."""
        known = {version.number: version for version in list(self._past)} | self._versions
        return [known[number] for number in sorted(known, reverse=True)]

    def acquire(self, number: int | None = None, label: str = "") -> Hold:
        """Returns a hold of a version; the caller must release it.

        Args:
            number: The version; by default the highest available one.
            label: Label of the version instead, if not empty.

        Raises:
            ServingError: NOT_FOUND, or INVALID_ARGUMENT for an unknown label.
        """
        if label:
            if label not in self.config.labels:
                raise invalid(f"Unrecognized servable version label: {label}")
            number = self.config.labels[label]
        while True:
            available = self._available
            newest = max(available, default=-1)
            version = available.get(newest if number is None else number)
            if version is None:
                raise servable_not_found(self.config.name, number)
            hold = version.acquire()
            if hold:
                return hold
            # It was retired meanwhile. Its successor was made available before.

    def poll(self) -> None:
        """Brings the available versions in line with the folder."""
        self._close_idle()
        folders, specific = self._folders(), self.config.specific
        candidates = [n for n in sorted(folders, reverse=True) if n in specific or not specific]
        most = len(candidates) if specific else self.config.latest or len(candidates)
        aspired: set[int] = set()
        # Under the policy latest, the next older version replaces one that cannot be loaded.
        for number in candidates:
            if len(aspired) < most and self._make_available(number, folders[number]):
                aspired.add(number)
        if aspired:
            self._retire(set(self._available) - aspired)
        for number, version in list(self._versions.items()):
            exists = number in folders
            if version.state is State.AVAILABLE:
                version.note = "" if exists else f"{version.folder} was removed; still in memory"
            elif not exists:
                self._versions = {n: v for n, v in self._versions.items() if n != number}
                version.state = State.END
                self._past.append(version)
        self._close_idle()

    def close(self) -> None:
        """Closes all versions; running requests fail."""
        self._retire(set(self._available))
        self._close_idle(force=True)

    def _folders(self):
        path = self.config.base_path
        try:
            children = sorted(path.iterdir())
        except OSError as error:
            _log.warning("%s: %s", self.config.name, error)
            return {}
        folders = {version_number(child.name): child for child in children if child.is_dir()}
        folders.pop(None, None)
        for child in children:
            is_long = child.name.isdecimal() and version_number(child.name) is None
            if is_long and child.name not in self._ignored:
                self._ignored.add(child.name)
                _log.warning("%s: %s is ignored, a version is below 2**63", self.config.name, child)
        if not folders:
            _log.warning("%s: no version in %s", self.config.name, path)
        return folders

    def _make_available(self, number, folder):
        version = self._versions.get(number)
        if version is None:
            version = Version(number, folder, self._clock, self._engine)
            self._versions = {**self._versions, number: version}
        if version.state is State.AVAILABLE:
            if version.has_grown():
                self._load_again(version)
            return True
        if not (folder / "saved_model.pb").is_file():
            version.note = f"no such file: {folder / 'saved_model.pb'}"
            return False
        if not version.is_due():
            return False
        if not version.load():
            self.load_failures += 1
            _log.warning("%s version %d: %s", self.config.name, number, version.text)
            return False
        self._available = {**self._available, number: version}
        loaded = version.loaded
        if loaded:
            costs = (f"{name} {cost.unit:.0f}" for name, cost in sorted(loaded.costs.items()))
            text = "%s version %d is available, run by %s; bytes a pixel: %s"
            _log.info(text, self.config.name, number, loaded.engine, ", ".join(costs))
        return True

    def _load_again(self, old):
        new = Version(old.number, old.folder, self._clock, self._engine)
        if not new.load():
            self.load_failures += 1
            old.seen = new.seen
            _log.warning("%s version %d as before: %s", self.config.name, old.number, new.text)
            return
        self._versions = {**self._versions, old.number: new}
        self._available = {**self._available, old.number: new}
        old.retire()
        self._past.append(old)
        _log.info("%s version %d is available with its new files", self.config.name, old.number)

    def _retire(self, numbers):
        # Removed first, so that new requests find the other versions.
        self._available = {n: v for n, v in self._available.items() if n not in numbers}
        for number in numbers:
            self._versions[number].retire()
            self._past.append(self._versions[number])
        self._versions = {n: v for n, v in self._versions.items() if n not in numbers}

    def _close_idle(self, force=False):
        closed = [version for version in self._past if version.close_if_idle(force)]
        for version in closed:
            _log.info("%s version %d ended", self.config.name, version.number)
        if closed:
            # A graph is a reference cycle, which only the collector frees.
            gc.collect()
        ended = [version for version in self._past if version.state is State.END]
        for version in ended[:-_MOST_ENDED]:
            self._past.remove(version)


def servable_not_found(name: str, number: int | None) -> Exception:
    """Returns the NOT_FOUND of a model or version that is not available."""
    which = f"Latest({name})" if number is None else f"Specific({name}, {number})"
    return not_found(f"Servable not found for request: {which}")


class Models:
    """All served models; each is polled separately, so that a slow load delays no other model.

    Args:
        configs: Returns the models; called at each poll, so that new ones are found.
        interval: Seconds between polls; 0 polls once.
        engine: As of `Model`.
    """

    def __init__(
        self,
        configs: Callable[[], Iterable[ModelConfig]],
        interval: float = 1.0,
        engine: str = TENSORFLOW,
    ):
        self._configs = configs
        self._engine = engine
        self._interval = interval
        self._models: dict[str, Model] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="versions", daemon=True)
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="loading")
        self._polls: dict[str, Future] = {}

    def start(self) -> None:
        """Polls each model once to the end, then in the background."""
        self._start_polls()
        for poll in list(self._polls.values()):
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
    def load_failures(self) -> int:
        """The number of loads that failed."""
        return sum(model.load_failures for model in self._models.values())

    @property
    def names(self) -> list[str]:
        """The names of the models."""
        return sorted(self._models)

    def is_available(self) -> bool:
        """Whether any version of any model is available."""
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
        """Returns a hold of a version, as `Model.acquire`.

        Raises:
            ServingError: NOT_FOUND or INVALID_ARGUMENT.
        """
        model = self.model(name)
        if model is None:
            if label:
                raise invalid(f"Unrecognized servable version label: {label}")
            raise servable_not_found(name, number)
        return model.acquire(number, label)

    def _watch(self):
        while not self._stopping.wait(self._interval):
            self._start_polls()

    def _start_polls(self):
        try:
            configs = list(self._configs())
        except (OSError, ValueError) as error:
            _log.warning("the models stay as they are: %s", error)
            configs = []
        new = {c.name: Model(c, engine=self._engine) for c in configs if c.name not in self._models}
        self._models = {**self._models, **new}
        for config in configs:
            model = self._models[config.name]
            if model.config.base_path != config.base_path:
                _log.warning("%s: a new base_path needs a restart", config.name)
                continue
            # Policy and labels; the poll follows them.
            model.config = config

        def poll(model):
            try:
                model.poll()
            except Exception:  # an error of one model must not end its polling
                _log.exception("%s: the poll failed; the next one tries again", model.config.name)

        for name, model in self._models.items():
            last = self._polls.get(name)
            if last is None or last.done():
                self._polls[name] = self._pool.submit(poll, model)
