"""Adaptive image restoration: one network for every level of degradation.

Names are loaded at first use, so that ``keras_hyper.serving.client`` needs neither Keras nor
TensorFlow. Once Keras is imported, before or after this package, the package's classes are
registered, so that `keras.models.load_model` finds them.
"""

import importlib
import os
import sys

import wrapt

# TensorFlow built for GPUs prints, as errors, that a machine has none. It reads this once, when it
# is loaded; whoever sets it sees everything.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_PACKAGES = ("layers", "metrics", "models")
_MODULES = {
    "HyperRes": "keras_hyper.models",
    "LevelEstimator": "keras_hyper.models",
    "hyperize": "keras_hyper.models",
    "estimate": "keras_hyper.restoration.picture",
    "restore": "keras_hyper.restoration.picture",
}

__all__ = [
    "HyperRes",
    "LevelEstimator",
    "estimate",
    "hyperize",
    "layers",
    "methods",
    "metrics",
    "models",
    "restore",
]


def _register_classes(imported):
    """Imports the packages that register classes, after Keras or the first of them."""
    unfinished = imported.__name__ == "keras" and any(
        f"keras_hyper.{package}" in sys.modules for package in _PACKAGES
    )
    # A package of ours that imported Keras is not ready to be imported by the others; it comes here
    # itself when it is.
    if not unfinished:
        for package in _PACKAGES:
            importlib.import_module(f"keras_hyper.{package}")


for _name in ("keras", "keras_hyper.layers", "keras_hyper.metrics"):
    wrapt.register_post_import_hook(_register_classes, _name)
# These inherit from the models: they are imported once the models are complete.
wrapt.register_post_import_hook(
    lambda _: importlib.import_module("keras_hyper.methods"), "keras_hyper.models"
)


def __getattr__(name):
    if name in (*_PACKAGES, "methods"):
        return importlib.import_module(f"keras_hyper.{name}")
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
