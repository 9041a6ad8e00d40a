"""A model and the versions of it that answer."""

import gc
import logging
import time

from keras_hyper.serving.server.config import ModelConfig, version_number
from keras_hyper.serving.server.errors import invalid, not_found
from keras_hyper.serving.server.version import Hold, State, Version

_log = logging.getLogger(__name__)
# How many versions that ended are remembered for GetModelStatus.
_REMEMBERED = 100


class Model:
    """Follows a folder: loads beside, swaps, and closes what nobody uses any more.

    `poll` is called by one thread at a time; everything else by any.

    Args:
        config: Its name, folder and policy.
        clock: Seconds, for the waits between attempts to load.
    """

    def __init__(self, config: ModelConfig, clock=time.monotonic):
        self.config = config
        self._clock = clock
        self._past: list[Version] = []
        # Both are replaced as a whole, never changed: a request sees the one or the other.
        self._versions: dict[int, Version] = {}
        self._available: dict[int, Version] = {}

    @property
    def available(self) -> list[int]:
        """The versions that answer, ascending."""
        return sorted(self._available)

    def statuses(self) -> list[Version]:
        """Returns the versions that were seen, highest number first, each number once."""
        known = {version.number: version for version in list(self._past)} | self._versions
        return [known[number] for number in sorted(known, reverse=True)]

    def acquire(self, number: int | None = None, label: str = "") -> Hold:
        """Takes a hold of a version; whoever takes it calls its ``release``.

        Args:
            number: Exactly this one; by default the highest that is available.
            label: The one that this label names, if it is not empty.

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
                raise no_such_version(self.config.name, number)
            hold = version.acquire()
            if hold:
                return hold
            # It was retired in between; the swap came first, so the next look finds its successor.

    def poll(self) -> None:
        """Brings what answers in line with what is on the disk."""
        self._close_idle()
        folders = self._folders()
        if folders:
            aspired = self._aspired(folders)
            if aspired:
                self._retire(set(self._available) - aspired)
        self._note_missing(folders)
        self._close_idle()

    def close(self) -> None:
        """Closes all versions; what still runs in them fails."""
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
        if not folders:
            _log.warning("%s: no version in %s", self.config.name, path)
        return folders

    def _aspired(self, folders):
        """Makes the versions of the policy available; returns those that are.

        Of the latest, one that cannot be loaded does not count: the next older one is taken.
        """
        specific = self.config.specific
        wanted = [n for n in sorted(folders, reverse=True) if n in specific or not specific]
        most = len(wanted) if specific else self.config.latest or len(wanted)
        aspired: set[int] = set()
        for number in wanted:
            if len(aspired) == most:
                break
            if self._make_available(number, folders[number]):
                aspired.add(number)
        return aspired

    def _make_available(self, number, folder):
        version = self._versions.get(number)
        if version is None:
            version = Version(number, folder, self._clock)
            self._versions = {**self._versions, number: version}
        if version.state is State.AVAILABLE:
            return True
        if not (folder / "saved_model.pb").is_file():
            version.note = f"there is no saved_model.pb in {folder}"
            return False
        if not version.is_due():
            return False
        if not version.load():
            _log.warning("%s version %d: %s", self.config.name, number, version.text)
            return False
        self._available = {**self._available, number: version}
        _log.info("%s version %d is available", self.config.name, number)
        return True

    def _retire(self, numbers):
        # Out of the table first: who comes now finds the others.
        self._available = {n: v for n, v in self._available.items() if n not in numbers}
        for number in numbers:
            self._versions[number].retire()
            self._past.append(self._versions[number])
        self._versions = {n: v for n, v in self._versions.items() if n not in numbers}

    def _note_missing(self, folders):
        for number, version in list(self._versions.items()):
            there = number in folders
            if version.state is State.AVAILABLE:
                version.note = "" if there else f"{version.folder} is gone; answers from memory"
            elif not there:
                self._versions = {n: v for n, v in self._versions.items() if n != number}
                version.state = State.END
                self._past.append(version)

    def _close_idle(self, force=False):
        closed = [version for version in self._past if version.close_if_idle(force)]
        for version in closed:
            _log.info("%s version %d ended", self.config.name, version.number)
        if closed:
            # A graph refers to itself: its memory would wait for Python's own time to look.
            gc.collect()
        ended = [version for version in self._past if version.state is State.END]
        for version in ended[:-_REMEMBERED]:
            self._past.remove(version)


def no_such_version(name, number):
    """Returns the NOT_FOUND of a model or version that does not answer."""
    which = f"Latest({name})" if number is None else f"Specific({name}, {number})"
    return not_found(f"Servable not found for request: {which}")
