"""From settings and pictures to a trained network: objective, recipes, callbacks, one `fit`."""

from keras_hyper.training.callbacks import TrainingInterrupted, save_whole
from keras_hyper.training.config import TrainingConfig
from keras_hyper.training.fit import Run, fit, load_trainer, new_trainer, train
from keras_hyper.training.objective import OBJECTIVES
from keras_hyper.training.recipes import RECIPES
from keras_hyper.training.restoring import initialise_from

__all__ = [
    "OBJECTIVES",
    "RECIPES",
    "Run",
    "TrainingConfig",
    "TrainingInterrupted",
    "fit",
    "initialise_from",
    "load_trainer",
    "new_trainer",
    "save_whole",
    "train",
]
