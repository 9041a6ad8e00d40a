"""The paper's tables and figures: `python -m benchmarks.paper COMMAND`."""

import sys

from keras_hyper.cli import run_command

COMMANDS = {
    "report": "print the paper's tables and figures with ours beside them",
    "card": "write a model's card: figures at every level, and the change of clean images",
    "evaluate-estimator": "measure how well an estimator estimates the level of noise",
    "calibrate": "find the level that restores each picture best",
    "methods": "train and measure the compared methods with equal numbers of gradients",
    "level-table": "compare searched coefficients of two ends with proportional ones",
    "weight-line": "measure how much of the weights of several levels lies on a line",
}


def main(argv: list[str] | None = None) -> int:
    """Runs one sub-command; see `keras_hyper.cli.main`."""
    return run_command("benchmarks.paper", __doc__, COMMANDS, "benchmarks.paper", argv)


if __name__ == "__main__":
    sys.exit(main())
