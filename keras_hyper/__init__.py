"""Adaptive image restoration: one network with a dial.

Importing the package registers its classes, so that `keras.models.load_model` finds them.
"""

from keras_hyper import layers, metrics, models
from keras_hyper.models import HyperRes
from keras_hyper.restoration import restore

__all__ = ["HyperRes", "layers", "metrics", "models", "restore"]
