"""Several pictures at once, of which some may fail."""

import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

# What one picture may meet; a server's answers are OSErrors. Anything else is a defect here.
_OF_PICTURES = (ValueError, OSError, MemoryError)


class StoppedError(RuntimeError):
    """The work ended before its end.

    Args:
        error: Why.
    """

    def __init__(self, error: Exception):
        super().__init__(error)
        self.done = 0

    def __str__(self):
        before = f"{self.done} restored before; with --resume it goes on from there"
        return f"{self.args[0]} ({before})"


class InFlight:
    """Restores pictures, so many at once.

    Args:
        restore: What restores one of them.
        at_once: How many are under way; 1 works in the caller's thread.
        of_all: Whether an error would meet every picture; the work then ends.
        give_up: Called before the end is waited for where the work is broken off.
    """

    def __init__(
        self,
        restore: Callable[[Path], None],
        at_once: int,
        of_all: Callable[[Exception], bool],
        give_up: Callable[[], None],
    ):
        self._restore, self._at_once = restore, at_once
        self._of_all, self._give_up = of_all, give_up
        self._done, self._counting = 0, threading.Lock()
        self._errors: dict[Path, Exception] = {}

    def run(self, sources: Collection[Path]) -> dict[Path, Exception]:
        """Restores all.

        Returns:
            The errors by picture.

        Raises:
            StoppedError: If an error would have met every picture.
        """
        if self._at_once == 1:
            return self._one_by_one(sources)
        pool = ThreadPoolExecutor(self._at_once)
        try:
            calls = {pool.submit(self._error_of, source): source for source in sources}
            for call in as_completed(list(calls)):
                self._note(calls.pop(call), call.result())
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            self._give_up()
            pool.shutdown()
            if isinstance(error, StoppedError):
                # Now that none is under way any more.
                error.done = self._done
            raise
        pool.shutdown()
        return self._errors

    def _one_by_one(self, sources):
        try:
            for source in sources:
                self._note(source, self._error_of(source))
        except StoppedError as error:
            error.done = self._done
            raise
        return self._errors

    def _error_of(self, source):
        try:
            self._restore(source)
        except _OF_PICTURES as error:
            return error
        with self._counting:
            self._done += 1
        return None

    def _note(self, source, error):
        if error is not None:
            if self._of_all(error):
                raise StoppedError(error) from error
            self._errors[source] = error
