"""The `keras-hyper` command: one module per sub-command, and errors of one line."""

import argparse
import importlib
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from keras_hyper.errors import WrongArgumentError, error_text
from keras_hyper.numbers import with_axes_joined
from keras_hyper.plugins import run_plugin

COMMANDS = {
    "restore": "restore a file or a folder of pictures",
    "preview": "write one sheet of a picture restored at several levels",
    "estimate": "estimate the level of pictures: noise sigma, JPEG quality",
    "train": "train one network for all levels on your photographs",
    "evaluate": "measure PSNR and SSIM per level by the paper's protocols",
    "export": "write a SavedModel for TF-Serving, or an ONNX file; or the network of one level",
    "serve": "serve SavedModels over TF-Serving's API, gRPC and REST",
    "demo": "open the web page with the level slider",
    "page": "write the web page for a static host; the browser runs the network",
    "convert": "convert a checkpoint of the authors' PyTorch code to a .keras file",
}


def main(argv: list[str] | None = None) -> int:
    """Runs one sub-command.

    Args:
        argv: The arguments without the program's name; by default those of the process.

    Returns:
        0 for success, 1 for a failed job, 130 when interrupted. Wrong arguments exit with 2.
    """
    return run_command(
        "keras-hyper", "Adaptive image restoration.", COMMANDS, "keras_hyper.cli", argv
    )


def run_command(
    program: str,
    description: str,
    commands: Mapping[str, str],
    package: str,
    argv: list[str] | None = None,
) -> int:
    """Runs one sub-command of a program; see `main`.

    Args:
        program: Name of the program.
        description: Its description in ``--help``.
        commands: The summary of each sub-command, by name.
        package: Package whose module of the command's name has `add_arguments` and `job`, and
            `FILE_PREFIX` where files of arguments are read.
        argv: The arguments without the program's name; by default those of the process.
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = OneLineParser(prog=program, description=description)
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in commands.items():
        if argv[:1] == [name]:
            # Only the command that runs is imported, so that --help is quick.
            from pipelines.images import use_own_pixel_limit

            use_own_pixel_limit()
            module = importlib.import_module(f"{package}.{name.replace('-', '_')}")
            prefix = getattr(module, "FILE_PREFIX", None)
            if status := load_plugin(argv, program, prefix):
                return status
            command = parsers.add_parser(name, help=summary, description=module.__doc__)
            module.add_arguments(command)
            add_common_arguments(command)
            command.set_defaults(job=module.job)
        else:
            parsers.add_parser(name, help=summary)
    args = parser.parse_args(with_axes_joined(argv))
    return run(parser.prog, lambda: args.job(args), debug=args.debug)


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of every command."""
    parser.add_argument(
        "--plugin", type=Path, metavar="FILE.py", help="a Python file that registers your own tasks"
    )
    parser.add_argument("--debug", action="store_true", help="show the whole traceback")


def load_plugin(argv: Sequence[str], program: str, file_prefix: str | None = None) -> int:
    """Runs the file of ``--plugin``, before arguments that list the tasks are read.

    Args:
        argv: The arguments of a command.
        program: Name of the program, for errors.
        file_prefix: With which an argument names a file of arguments; None if none does.

    Returns:
        0, or the exit status of an error.
    """
    parser = OneLineParser(
        prog=program, add_help=False, allow_abbrev=False, fromfile_prefix_chars=file_prefix
    )
    add_common_arguments(parser)
    args, _ = parser.parse_known_args(argv)
    return run(program, lambda: run_plugin(args.plugin), args.debug) if args.plugin else 0


class _Defaults(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults other than None and False."""

    def _get_help_string(self, action):
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line on standard error and exit status 2."""

    def __init__(self, **kwargs: Any):
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
