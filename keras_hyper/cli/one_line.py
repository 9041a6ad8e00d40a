"""Commands that print an error as one line on standard error."""

import argparse
import shlex
import sys
from collections.abc import Callable
from typing import NoReturn

from keras_hyper.errors import WrongArgumentError, error_text


class _Defaults(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults other than None and False."""

    def _get_help_string(self, action):
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line on standard error and exit status 2."""

    def __init__(self, **kwargs):
        kwargs.setdefault("formatter_class", _Defaults)
        super().__init__(**kwargs)

    def convert_arg_line_to_args(self, arg_line: str) -> list[str]:
        """Splits a line of a file of arguments as a shell does, without ``#`` comments."""
        return shlex.split(arg_line, comments=True)

    def error(self, message: str) -> NoReturn:
        """Exits with 2 and `message` alone, without the usage text."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def run(program: str, job: Callable[[], int | None], debug: bool = False) -> int:
    """Runs `job` and prints an error as one line on standard error.

    Args:
        program: Name of the program, with which the line starts.
        job: Returns an exit status, or None for 0.
        debug: Whether to raise the error, with its traceback.

    Returns:
        The exit status: 0 for success, 1 failed, 2 wrong arguments, 130 interrupted.
    """
    try:
        return job() or 0
    except KeyboardInterrupt as stopped:
        print(f"{program}: {str(stopped) or 'interrupted'}", file=sys.stderr)
        return 130
    except Exception as error:
        if debug:
            raise
        print(f"{program}: {error_text(error)}", file=sys.stderr)
        return 2 if isinstance(error, WrongArgumentError) else 1
