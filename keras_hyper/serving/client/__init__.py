"""A client of TF-Serving's API; it needs neither Keras nor TensorFlow.

The names are loaded at first use: they need packages of the extra ``serving``.
"""

import importlib

_PUBLIC = {
    "Client": "keras_hyper.serving.client.client",
    "CallError": "keras_hyper.serving.client.retry",
}

__all__ = ["CallError", "Client"]


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("grpc", "tensorflow_serving"):
            raise
        raise ModuleNotFoundError(
            f"{error.name} is missing: pip install '.[serving]'", name=error.name
        ) from error
