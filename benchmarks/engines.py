"""Restoring one 480x320 picture by each engine, and by other libraries.

These variables before the command give the figures of a processor with AVX2 alone::

    ONEDNN_MAX_CPU_ISA=AVX2 TF_ENABLE_ONEDNN_OPTS=0 ATEN_CPU_CAPABILITY=avx2

oneDNN, which OpenVINO and PyTorch contain too, then uses no newer instructions; TensorFlow takes
Eigen, as it does on such a processor. ONNX Runtime has no such variable and is then skipped.
"""

import copy
import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import openvino
import tensorflow as tf
import torch

from benchmarks.side_by_side import in_turn, median_ratio, show
from benchmarks.torch_network import TorchNetwork
from keras_hyper import HyperRes
from keras_hyper.export.onnx import export_onnx
from keras_hyper.models.precision import multiplies_in_bfloat16
from keras_hyper.restoration.engines import compile_onnx, open_onnx

# The others have the shape of one of them; but for `denoise_dejpeg`, whose kernels are generated
# from two levels, which is a small part of its operations.
NETWORKS = ("denoise_tiny", "denoise", "dejpeg_gray_tiny", "dejpeg_gray", "photo", "paper")
_HELD = ("ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS", "ATEN_CPU_CAPABILITY")
# The default engine on a processor, and the rivals. OpenVINO for one size has another ratio:
# it is the same engine, and restores pictures of that size alone.
OURS, ONE_SIZE = "OpenVINO", "OpenVINO, one size"
LAST, COMPILED = "PyTorch, channels_last", "PyTorch, compiled"
RIVALS = ("ONNX Runtime", "PyTorch", LAST, COMPILED)
FASTEST, FIXED = "fastest rival / ours", f"{ONE_SIZE} / ours"
USUAL = f"{LAST}, float32 / ours"


def run(rounds: int = 7, networks: Sequence[str] = NETWORKS) -> None:
    """Prints the median seconds: networks that ship, and one of the paper's size."""
    found = {}
    precisions = ("float32", "bfloat16") if multiplies_in_bfloat16() else ("float32",)
    for name in networks:
        sides = dict(side for precision in precisions for side in _sides(name, precision))
        found[name] = figures_of(in_turn(sides, rounds))
    held = " ".join(f"{key}={os.environ[key]}" for key in _HELD if key in os.environ)
    for precision, figures in found[networks[0]].items():
        title = f"480x320 in {precision}, seconds; {held or 'all instructions'}; ours is {OURS}"
        rows = [(label, *(found[name][precision][label] for name in networks)) for label in figures]
        show(title, ("", *networks), rows)


def figures_of(seconds: Mapping[tuple[str, str], Sequence[float]]) -> dict[str, dict[str, float]]:
    """Figures of one network by precision.

    Args:
        seconds: Those of each round by precision and library.

    Returns:
        By precision the median of each library, and three ratios: `FASTEST`, the smallest of
        `RIVALS` in this precision; `FIXED`; and `USUAL`, of PyTorch in channels_last and float32.
    """
    found: dict[str, dict[str, float]] = {}
    for (precision, library), times in seconds.items():
        found.setdefault(precision, {})[library] = statistics.median(times)
    for precision, figures in found.items():
        ours = seconds[precision, OURS]
        rivals = [seconds[precision, rival] for rival in RIVALS if rival in figures]
        figures[FASTEST] = min(median_ratio(times, ours) for times in rivals)
        figures[FIXED] = median_ratio(seconds[precision, ONE_SIZE], ours)
        figures[USUAL] = median_ratio(seconds["float32", LAST], ours)
    return found


def _sides(name, precision):
    """One restoration by each that has the precision; the level is an input of all."""
    model = HyperRes.from_preset(name).with_precision(precision)
    image = np.random.default_rng(0).random((1, 320, 480, model.channels), dtype=np.float32)
    inputs = {"image": image, "level": np.array(np.mean(model.level_range), np.float32)}
    graph = tf.function(lambda image, level: model({"image": image, "level": level}))
    sides = {"TensorFlow": lambda: graph(**{k: tf.constant(v) for k, v in inputs.items()}).numpy()}
    with tempfile.TemporaryDirectory() as folder:
        shipped = open_onnx(name, "auto")
        path = shipped[0] if shipped else export_onnx(model.with_precision("float32"), Path(folder))
        sides[OURS] = partial(compile_onnx(path, "openvino", precision), inputs)
        sides[ONE_SIZE] = partial(_one_size(path, image.shape, precision).infer, inputs)
        if precision == "float32" and _HELD[0] not in os.environ:
            sides["ONNX Runtime"] = partial(compile_onnx(path, "onnxruntime"), inputs)
    sides |= _pytorch_sides(model, image, precision)
    return [((precision, library), function) for library, function in sides.items()]


def _one_size(path, shape, precision):
    """OpenVINO as it comes, compiled for the size of this picture."""
    core = openvino.Core()
    network = core.read_model(path)
    network.reshape({"image": shape})
    hint = {"INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision]}
    return core.compile_model(network, "CPU", hint).create_infer_request()


def _pytorch_sides(model, image, precision):
    """The same network in PyTorch with random weights: plain, in channels_last, and compiled."""
    tensor = torch.from_numpy(image).permute(0, 3, 1, 2)  # channels_last in memory
    network = TorchNetwork(model.blocks, channels=model.channels, tail=model.tail_form).eval()
    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    # Else it compiles the later networks for varying sizes, and from the ninth on no more.
    torch.compiler.reset()
    # PyTorch keeps what it compiled for later runs, also for those with other instructions: loops
    # of 8 numbers (AVX2) then store 16 (AVX512), past the end, or of each 16 only 8.
    compiled = torch.compile(copy.deepcopy(last), fullgraph=True, options={"fx_graph_cache": False})
    forms = {LAST: last, COMPILED: compiled}

    def restore(network, tensor):
        with (
            torch.inference_mode(),
            torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"),
        ):
            network(tensor, torch.tensor(0.3))

    sides = {form: partial(restore, one, tensor) for form, one in forms.items()}
    return {"PyTorch": partial(restore, network, tensor.contiguous())} | sides
