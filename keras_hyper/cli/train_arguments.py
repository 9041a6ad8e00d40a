"""The arguments of train.py."""

import argparse
import math
from pathlib import Path

from keras_hyper.cli.one_line import OneLineParser
from pipelines import trainable


def parse(argv=None) -> argparse.Namespace:
    """Reads the arguments of ``train.py``; wrong ones exit with status 2 and one line."""
    parser = OneLineParser(
        prog="train.py",
        description="Trains one network for all levels.",
        epilog="@FILE reads arguments from a file, such as @recipes/denoise.args.",
        fromfile_prefix_chars="@",
    )
    add = parser.add_argument
    add("--task", required=True, choices=trainable(), help="what to undo, or estimate")
    add("--data", type=Path, help="folder of photographs; by default those that ship")
    add("--valid", type=Path, help="folder to validate on; by default a tenth of --data")
    add("--out", type=Path, default=Path("runs"), help="the run goes to OUT/TASK")
    add("--levels", nargs="+", help="levels to train on, or one range LOW:HIGH")
    add("--num-levels", type=_at_least(2), default=4, help="levels a step draws from a range")
    add("--start", help="network to begin with: a model.keras, or the name of one that ships")
    add(
        "--blocks",
        type=_one_or_more,
        help="residual blocks: 1 tiny (the default), 4 small, 16 paper; 2,4 is a U-Net",
    )
    add("--filters", type=_one_or_more, help="features (default 64); one number a scale: 64,128")
    add("--tail", choices=["paper", "light"], help="where the network returns to full resolution")
    add("--channels", type=int, choices=[1, 3], help="1 for gray, 3 for colour (the default)")
    add("--steps", type=_at_least(1), default=7000, help="training steps in all")
    add("--batch", type=_at_least(1), help="clean patches a step; the recipe's by default")
    add("--patch", type=_at_least(8), help="side of a patch in pixels; the recipe's by default")
    add(
        "--shrink",
        type=_below_one,
        nargs="+",
        metavar="FACTOR",
        help="learn from every photograph shrunk by these factors as well, such as 0.5",
    )
    add("--every", type=_at_least(1), default=250, help="steps between validations")
    add("--recipe", choices=["default", "authors"], default="default", help="settings of training")
    add("--rate", type=_positive, help="highest learning rate; the recipe's by default")
    add(
        "--precision", choices=["auto", "float32", "bfloat16"], default="auto", help="of the layers"
    )
    add("--seed", type=_at_least(0), default=0, help="names the sequence of patches and noise")
    add("--memory", type=float, default=1.0, help="GiB that the pictures may take")
    add("--device", help="where degradation runs, such as /gpu:0; by default the first GPU, if any")
    add("--resume", action="store_true", help="go on from the checkpoint in OUT/TASK")
    add("--profile", action="store_true", help="profile ten steps for TensorBoard")
    add("--debug", action="store_true", help="show the whole traceback of an error")
    return parser.parse_args(argv)


def _positive(word):
    try:
        number = float(word)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"wanted a number above 0, got {word!r}")
    return number


def _below_one(word):
    number = _positive(word)
    if number >= 1:
        raise argparse.ArgumentTypeError(f"wanted a factor below 1, got {word!r}")
    return number


def _one_or_more(word):
    numbers = [_at_least(1)(part) for part in word.split(",")]
    return numbers[0] if len(numbers) == 1 else numbers


def _at_least(bound):
    def number(word):
        if not word.isdecimal() or int(word) < bound:
            raise argparse.ArgumentTypeError(f"wanted an integer of at least {bound}, got {word!r}")
        return int(word)

    return number
