"""From pairs to a trained network: objective, recipes, callbacks, one call of `fit`."""

from keras_hyper.training.checkpoint import TrainingInterrupted, save_whole
from keras_hyper.training.fit import (
    Run,
    fit,
    load_trainer,
    new_trainer,
)
from keras_hyper.training.goals import GOALS
from keras_hyper.training.recipes import RECIPES
from keras_hyper.training.starting import begin_with

__all__ = [
    "GOALS",
    "RECIPES",
    "Run",
    "TrainingInterrupted",
    "begin_with",
    "fit",
    "load_trainer",
    "new_trainer",
    "save_whole",
]
