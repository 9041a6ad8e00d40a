"""A client of TF-Serving's API; it needs neither Keras nor TensorFlow.

The names are loaded at first use: they need packages of the extra ``serving``.
"""

import importlib

_PUBLIC = {
    "CallError": "keras_hyper.serving.client.calls",
    "Client": "keras_hyper.serving.client.client",
    "tls": "keras_hyper.serving.client.client",
}

__all__ = ["CallError", "Client", "tls"]


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "grpc":
            raise
        raise ModuleNotFoundError(
            "expected the package grpcio: pip install '.[serving]'", name=error.name
        ) from error
