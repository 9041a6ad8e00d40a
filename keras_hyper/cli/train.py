"""Trains one network for all levels on your photographs."""

import argparse
import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from keras_hyper.training.config import TrainingConfig
from pipelines import trainable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper train`` and ``train.py``."""
    parser.fromfile_prefix_chars = "@"
    parser.epilog = "@FILE reads arguments from a file, such as @recipes/denoise.args."
    parser.set_defaults(**{field.name: field.default for field in fields(TrainingConfig)[1:]})
    add = parser.add_argument
    add("--task", required=True, choices=trainable(), help="what to restore, or to estimate")
    add("--data", type=Path, help="folder of photographs; by default those that ship")
    add("--valid", type=Path, help="folder to validate on; by default a tenth of --data")
    add("--out", type=Path, help="the run goes to OUT/TASK")
    add("--levels", nargs="+", help="levels to train on, or one range LOW:HIGH")
    add("--num-levels", type=_at_least(2), help="levels sampled a step from a range")
    add("--init-from", help="network to initialise from: a model.keras, a run, or a preset")
    add(
        "--blocks",
        type=_one_or_more,
        help="residual blocks: 1 tiny (the default), 4 small, 16 paper; 2,4 is a U-Net",
    )
    add("--filters", type=_one_or_more, help="features (default 64); one number a scale: 64,128")
    add("--tail", choices=["paper", "light"], help="paper (the default), or light, which has no "
        "convolution at full resolution")  # fmt: skip
    add("--channels", type=int, choices=[1, 3], help="1 for gray, 3 for colour (the default)")
    add("--steps", type=_at_least(1), help="training steps in all")
    add("--batch", type=_at_least(1), help="clean patches a step; the recipe's by default")
    add("--patch", type=_at_least(8), help="side of a patch in pixels; the recipe's by default")
    add(
        "--shrink",
        type=_below_one,
        nargs="+",
        metavar="FACTOR",
        help="train on every photograph shrunk by these factors as well, such as 0.5",
    )
    add("--validate-every", type=_at_least(1), help="steps between validations")
    add("--recipe", choices=["default", "authors"], help="settings of training")
    add("--rate", type=_positive, help="highest learning rate; the recipe's by default")
    add("--precision", choices=["auto", "float32", "bfloat16"], help="of the layers")
    add("--seed", type=_at_least(0), help="of the weights, the patches and the noise")
    add("--memory", type=_positive, help="GiB that the pictures may take")
    add("--device", help="where degradation runs, such as /gpu:0; by default the first GPU, if any")
    add("--resume", action="store_true", help="continue from the checkpoint in OUT/TASK; --steps "
        "may be more than before")  # fmt: skip
    add("--profile", action="store_true", help="profile ten steps for TensorBoard")


def job(args: argparse.Namespace) -> None:
    """Trains, saves and exports."""
    from rich.console import Console

    from keras_hyper.training import train

    names = [field.name for field in fields(TrainingConfig)]
    train(TrainingConfig(**{name: getattr(args, name) for name in names}), Console())


def _positive(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {word!r}")
    return number


def _below_one(word: str) -> float:
    number = _positive(word)
    if number >= 1:
        raise argparse.ArgumentTypeError(f"expected a factor below 1, got {word!r}")
    return number


def _one_or_more(word: str) -> int | list[int]:
    numbers = [_at_least(1)(part) for part in word.split(",")]
    return numbers[0] if len(numbers) == 1 else numbers


def _at_least(bound: int) -> Callable[[str], int]:
    def number(word):
        if not word.isdecimal() or int(word) < bound:
            raise argparse.ArgumentTypeError(
                f"expected an integer of at least {bound}, got {word!r}"
            )
        return int(word)

    return number
