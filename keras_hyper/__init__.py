"""Adaptive image restoration: one network with a dial.

Importing the package registers its classes, so that `keras.models.load_model` finds them.
"""

from keras_hyper import layers, models
from keras_hyper.models import HyperRes

__all__ = ["HyperRes", "layers", "models"]
