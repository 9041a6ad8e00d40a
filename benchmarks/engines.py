"""Restoring one 480x320 picture by each engine, and by PyTorch.

These variables before the command give the figures of a processor with AVX2 alone::

    ONEDNN_MAX_CPU_ISA=AVX2 TF_ENABLE_ONEDNN_OPTS=0 ATEN_CPU_CAPABILITY=avx2

oneDNN, which OpenVINO and PyTorch contain too, then uses no newer instructions; TensorFlow takes
Eigen, as it does on such a processor. ONNX Runtime has no such variable.
"""

import copy
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
import torch

from benchmarks.side_by_side import in_turn, show
from benchmarks.torch_network import TorchNetwork
from keras_hyper import HyperRes
from keras_hyper.export.onnx import export_onnx
from keras_hyper.models.precision import multiplies_in_bfloat16
from keras_hyper.restoration.engines import ONNX_ENGINES, compile_onnx, open_onnx

_HELD = ("ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS", "ATEN_CPU_CAPABILITY")


def run(rounds: int = 7) -> None:
    """Prints the median seconds: networks that ship, and one of the paper's size."""
    held = " ".join(f"{key}={os.environ[key]}" for key in _HELD if key in os.environ)
    for precision in ("float32", "bfloat16") if multiplies_in_bfloat16() else ("float32",):
        rows = []
        for name in ("denoise_tiny", "denoise", "dejpeg_gray_tiny", "dejpeg_gray", "paper"):
            seconds = in_turn(_sides(name, precision), rounds)
            rows.append((name, *seconds.values()))
        title = f"Restoring 480x320 in {precision}, seconds; {held or 'all instructions'}"
        show(title, ("network", *seconds), rows)


def _sides(name: str, precision: str) -> dict[str, Callable]:
    """One restoration by each that has the precision; the level is an input of all."""
    model = HyperRes.from_preset(name).with_precision(precision)
    image = np.random.default_rng(0).random((1, 320, 480, model.channels), dtype=np.float32)
    level = np.array(np.mean(model.level_range), np.float32)
    graph = tf.function(lambda image, level: model({"image": image, "level": level}))
    sides: dict[str, Callable] = {
        "TensorFlow": lambda: graph(tf.constant(image), tf.constant(level)).numpy()
    }
    with tempfile.TemporaryDirectory() as folder:
        shipped = open_onnx(name, "auto")
        path = shipped[0] if shipped else export_onnx(model.with_precision("float32"), Path(folder))
        for engine in ONNX_ENGINES if precision == "float32" else ONNX_ENGINES[:1]:
            compiled = compile_onnx(path, engine, precision)
            sides[engine] = lambda run=compiled: run({"image": image, "level": level})
    return sides | _pytorch_sides(model, image, precision)


def _pytorch_sides(model, image, precision):
    """The same network in PyTorch with random weights: plain, in channels_last, and compiled."""
    tensor = torch.from_numpy(image).permute(0, 3, 1, 2)  # channels_last in memory
    network = TorchNetwork(model.blocks, channels=model.channels, tail=model.tail_form).eval()
    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    forms = {"channels_last": last, "compiled": torch.compile(copy.deepcopy(last))}

    def restore(network, tensor):
        with (
            torch.inference_mode(),
            torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"),
        ):
            network(tensor, torch.tensor(0.3))

    sides = {f"PyTorch, {form}": partial(restore, one, tensor) for form, one in forms.items()}
    return {"PyTorch": partial(restore, network, tensor.contiguous())} | sides
