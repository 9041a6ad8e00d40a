"""Helpers of the scripts; they run in environments that have only NumPy."""

import pathlib
import sys

import numpy as np

address, rest, model, folder = sys.argv[1:5]
host, port = address.rsplit(":", 1)
folder = pathlib.Path(folder)
image, level, expected = (
    np.load(folder / f"{name}.npy") for name in ("image", "level", "restored")
)
VERSION = 1
_failed = []


def same(what: str, restored) -> None:
    """Compares a result with that of the network without a server."""
    restored = np.asarray(restored, np.float32).reshape(expected.shape)
    difference = float(np.abs(restored - expected).max())
    _say(difference <= 1e-5, what, f"differs by at most {difference:.1e}")


def refused(what: str, call, *words: str) -> None:
    """Checks that a call fails with an error that contains the words."""
    try:
        call()
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        _say(all(word in text for word in words), what, " ".join(text.split())[:100])
    else:
        _say(False, what, "no error came")


def true(what: str, fact: bool, said: object) -> None:
    """Checks a condition."""
    _say(fact, what, str(said)[:100])


def _say(good, what, said):
    print(f"  {'ok' if good else 'WRONG'}  {what}: {said}")  # noqa: T201 - a script
    if not good:
        _failed.append(what)


def end() -> None:
    """Exits with 1 if a check failed."""
    sys.exit(bool(_failed))
