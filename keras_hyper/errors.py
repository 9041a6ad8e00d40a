"""Errors that a user's arguments cause."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class WrongArgumentError(ValueError):
    """An argument that only the job itself could find to be wrong: exit status 2."""


def checked(read: Callable[[], T]) -> T:
    """Returns ``read()``; a ValueError becomes a `WrongArgumentError`, exit status 2."""
    try:
        return read()
    except ValueError as error:
        raise WrongArgumentError(str(error)) from error


def error_text(error: Exception, file: str | Path = "") -> str:
    """Returns the message of an error as one line, with the name of the file it concerns."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if Path(str(file)).name in text else f"{file}: {text}"
