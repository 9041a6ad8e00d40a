"""Restoring one 480x320 picture with 16 blocks: against PyTorch, and against plain kernels."""

import numpy as np
import tensorflow as tf
import torch

from benchmarks.side_by_side import ratio, show
from benchmarks.torch_network import TorchNetwork
from keras_hyper import HyperRes
from keras_hyper.models import PlainRes


def _graph(model, level=None):
    """One restoration as a compiled graph that returns a number on the host."""
    if level is None:
        return tf.function(model)
    return tf.function(lambda image: model({"image": image, "level": level}))


def run(rounds: int = 7) -> None:
    """Prints the tables."""
    image = np.random.default_rng(0).random((1, 320, 480, 3), dtype=np.float32)
    tensor = torch.from_numpy(image).permute(0, 3, 1, 2).contiguous()
    theirs = TorchNetwork(16).eval()

    def pytorch():
        with torch.inference_mode():
            theirs(tensor, 0.3)

    rows = []
    for precision in ("float32", "bfloat16"):
        model = HyperRes.from_preset("paper").with_precision(precision)
        ours = _graph(model, tf.constant(25.0))
        times = ratio(lambda ours=ours: ours(image).numpy(), pytorch, rounds)
        rows.append((precision, *times))
    show(
        "Restoring 480x320, 16 blocks; PyTorch in float32",
        ("ours in", "ours, s", "PyTorch, s", "PyTorch / ours"),
        rows,
    )
    _kernels(image, rounds)


def _kernels(image, rounds):
    rows = []
    for precision in ("float32", "bfloat16"):
        model = HyperRes.from_preset("paper").with_precision(precision)
        plain = PlainRes(blocks=16, dtype=model.dtype_policy.name)
        plain.build()
        batch = np.repeat(image[:, :128, :128], 8, axis=0)
        one, eight = np.full(8, 25, np.float32), np.linspace(5, 75, 8, dtype=np.float32)
        level = tf.TensorSpec((None,), tf.float32)
        images = tf.TensorSpec((None, None, None, 3), tf.float32)
        mixed = tf.function(
            lambda image, level, model=model: model.infer({"image": image, "level": level}),
            input_signature=[images, level],
        )
        generated, constant, baked = (
            _graph(model, tf.constant(25.0)), _graph(plain), _graph(model.at_level(25.0))
        )  # fmt: skip
        for name, ours, other in (
            ("constant kernels: generated", constant, generated),
            ("constant kernels: at_level", constant, baked),
        ):
            times = ratio(lambda f=ours: f(image).numpy(), lambda f=other: f(image).numpy(), rounds)
            rows.append((f"{precision}, {name}", *times))
        times = ratio(
            lambda f=mixed, b=batch, c=one: f(b, c).numpy(),
            lambda f=mixed, b=batch, c=eight: f(b, c).numpy(),
            rounds,
        )
        rows.append((f"{precision}, 8 of 128x128 at one level: at 8 levels", *times))
    show("What a level costs, 16 blocks", ("first: second", "first, s", "second, s", "ratio"), rows)
