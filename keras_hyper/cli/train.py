"""Trains one network for all levels on your photographs."""

import argparse
from dataclasses import fields

from keras_hyper.training.config import TrainingConfig
from pipelines import trainable

FILE_PREFIX = "@"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper train`` and ``train.py``."""
    parser.fromfile_prefix_chars = FILE_PREFIX
    parser.epilog = "@FILE reads arguments from a file, such as @recipes/denoise.args."
    add = parser.add_argument
    add("--task", required=True, choices=trainable(), help="what to restore, or to estimate")
    for option in fields(TrainingConfig)[1:]:
        add("--" + option.name.replace("_", "-"), default=option.default, **option.metadata)


def job(args: argparse.Namespace) -> None:
    """Trains, saves and exports."""
    from rich.console import Console

    from keras_hyper.training import train

    names = [field.name for field in fields(TrainingConfig)]
    train(TrainingConfig(**{name: getattr(args, name) for name in names}), Console())
