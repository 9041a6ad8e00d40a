"""Trains one network for all levels: `python train.py --task denoise --data PHOTOS`.

The same as `keras-hyper train`.
"""

import sys

from keras_hyper.cli import OneLineParser, add_common_arguments, load_plugin, run
from keras_hyper.cli import train as command


def main(argv: list[str] | None = None) -> int:
    """Trains as the arguments say; returns the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    if status := load_plugin(argv, "train.py", command.FILE_PREFIX):
        return status
    parser = OneLineParser(prog="train.py", description=command.__doc__)
    command.add_arguments(parser)
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    return run("train.py", lambda: command.job(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
