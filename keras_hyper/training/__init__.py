"""From pairs to a trained network: objective, recipes, callbacks, one call of `fit`."""

from keras_hyper.training.checkpoint import TrainingInterrupted, save_whole
from keras_hyper.training.fit import (
    Run,
    fit,
    load_trainer,
    new_model,
    new_trainer,
    psnr_before_and_after,
)
from keras_hyper.training.recipes import RECIPES

__all__ = [
    "RECIPES",
    "Run",
    "TrainingInterrupted",
    "fit",
    "load_trainer",
    "new_model",
    "new_trainer",
    "psnr_before_and_after",
    "save_whole",
]
