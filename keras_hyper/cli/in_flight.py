"""Several pictures at once, of which some may fail."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

# What one picture may meet; a server's answers are OSErrors. Anything else is a defect here.
_OF_PICTURES = (ValueError, OSError, MemoryError)


def in_flight(
    sources: Iterable[Path],
    restore: Callable[[Path], None],
    at_once: int,
    of_all: Callable[[Exception], bool],
) -> dict[Path, Exception]:
    """Restores pictures, so many at once.

    Args:
        sources: The pictures.
        restore: What restores one of them.
        at_once: How many are under way; 1 works in this thread.
        of_all: Whether an error would meet every picture; the work then ends.

    Returns:
        The errors by picture.

    Raises:
        StoppedError: If an error would have met every picture.
    """
    errors: dict[Path, Exception] = {}
    restored: list[Path] = []

    def one(source):
        restore(source)
        restored.append(source)

    outcomes = _outcomes(sources, one, at_once)
    for source, error in outcomes:
        if error is not None and of_all(error):
            # Waits for those under way, which may yet succeed.
            outcomes.close()
            raise StoppedError(error, len(restored)) from error
        if error is not None:
            errors[source] = error
    return errors


class StoppedError(RuntimeError):
    """The work ended before its end.

    Args:
        error: Why.
        done: Pictures that were restored.
    """

    def __init__(self, error: Exception, done: int):
        super().__init__(f"{error} ({done} restored before; with --resume it goes on from there)")


def _outcomes(sources, restore, at_once):
    if at_once == 1:
        for source in sources:
            yield source, _error_of(restore, source)
        return
    with ThreadPoolExecutor(at_once) as pool:
        calls = {pool.submit(_error_of, restore, source): source for source in sources}
        try:
            for call in as_completed(list(calls)):
                yield calls.pop(call), call.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _error_of(restore, source):
    try:
        restore(source)
    except _OF_PICTURES as error:
        return error
    return None
