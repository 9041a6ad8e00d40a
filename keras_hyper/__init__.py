"""Adaptive image restoration: one network with a dial.

Importing the package registers its classes, so that `keras.models.load_model` finds them.
"""

import os

# TensorFlow built for GPUs prints, as errors, that a machine has none. It reads this once, when it
# is loaded; whoever sets it sees everything.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras_hyper import layers, metrics, models
from keras_hyper.estimation import estimate
from keras_hyper.models import HyperRes, LevelEstimator
from keras_hyper.restoration import restore

__all__ = ["HyperRes", "LevelEstimator", "estimate", "layers", "metrics", "models", "restore"]
