"""Trains one network for all levels: `python train.py --task denoise --data PHOTOS`.

The same as `keras-hyper train`.
"""

import sys

from keras_hyper.cli import OneLineParser, run
from keras_hyper.cli import train as command


def main(argv: list[str] | None = None) -> int:
    """Trains as the arguments say; returns the exit status."""
    parser = OneLineParser(prog="train.py", description=command.__doc__)
    command.add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show the whole traceback")
    args = parser.parse_args(argv)
    return run("train.py", lambda: command.job(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
