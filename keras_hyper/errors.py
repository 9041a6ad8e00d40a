"""Errors that a user's arguments cause."""

from collections.abc import Callable


class WrongArgumentError(ValueError):
    """An argument that only the job itself could find to be wrong: exit status 2."""


def checked(read: Callable):
    """Returns ``read()``; a ValueError becomes a `WrongArgumentError`, exit status 2."""
    try:
        return read()
    except ValueError as error:
        raise WrongArgumentError(str(error)) from error
