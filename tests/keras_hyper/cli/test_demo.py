"""Which network `keras-hyper demo` opens; tests/keras_hyper/live tests the page."""

import argparse

import pytest

from keras_hyper.cli import demo
from keras_hyper.models import HyperRes
from keras_hyper.restoration.engines import OnnxRestorer


@pytest.mark.parametrize(
    ("precision", "engine", "fast", "expected"),
    [
        ("auto", "auto", True, "mixed_bfloat16"),
        ("auto", "auto", False, OnnxRestorer),
        ("auto", "tensorflow", True, "mixed_bfloat16"),
        ("auto", "tensorflow", False, "float32"),
        ("auto", "openvino", True, OnnxRestorer),
        ("float32", "auto", True, OnnxRestorer),
        ("bfloat16", "auto", False, "mixed_bfloat16"),
    ],
)
def test_the_engine_follows_the_precision(monkeypatch, precision, engine, fast, expected):
    monkeypatch.setattr(demo, "multiplies_in_bfloat16", lambda: fast)
    args = argparse.Namespace(precision=precision, engine=engine)
    model = demo._open("denoise_tiny", args)
    if expected is OnnxRestorer:
        assert isinstance(model, OnnxRestorer)
    else:
        assert isinstance(model, HyperRes) and model.dtype_policy.name == expected
