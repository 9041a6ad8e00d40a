"""Restoring one 480x320 picture with 16 blocks: generated kernels against plain ones."""

import numpy as np
import tensorflow as tf

from benchmarks.side_by_side import ratio, show
from keras_hyper import HyperRes
from keras_hyper.models import PlainRes


def _graph(model, level=None):
    """One restoration as a compiled graph that returns a number on the host."""
    if level is None:
        return tf.function(model)
    return tf.function(lambda image: model({"image": image, "level": level}))


def run(rounds: int = 7) -> None:
    """Prints the table."""
    image = np.random.default_rng(0).random((1, 320, 480, 3), dtype=np.float32)
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
