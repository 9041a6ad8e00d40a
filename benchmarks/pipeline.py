"""Patches a second of the pipeline alone, against what the tiny network trains on."""

import statistics
import time

import numpy as np

import pipelines
from benchmarks.side_by_side import show
from keras_hyper import HyperRes
from keras_hyper.models.precision import policy_of
from keras_hyper.training import RECIPES, Run, new_trainer

BATCH, PATCH = 16, 48


def run(steps: int = 60) -> None:
    """Prints the table, for lists of levels and for ranges."""
    rows = []
    for name, task in pipelines.TASKS.items():
        ranges = [] if task.axes else [[f"{task.levels[0]:g}:{task.levels[-1]:g}"]]
        for words in (None, *ranges):
            levels = pipelines.parse_levels(words, task)
            paths, _, _ = pipelines.split()
            cache = pipelines.load_patch_cache(paths, task, levels, 3, PATCH)
            chain = pipelines.training_pairs(cache, task, levels, BATCH, PATCH)
            made = _rate(iter(chain), steps)
            used = _training_rate(next(iter(chain)))
            rows.append((f"{name}, levels {levels}", made, used, made / used))
    show(
        f"Clean patches a second, {PATCH} pixels, batches of {BATCH}, 4 levels each",
        ("task", "made", "trained on", "ratio"),
        rows,
    )


def _rate(batches, steps):
    for _ in range(8):  # what was made ahead does not count
        next(batches)
    begun = time.perf_counter()
    for _ in range(steps):
        next(batches)
    return steps * BATCH / (time.perf_counter() - begun)


def _training_rate(batch):
    model = HyperRes.from_preset("tiny", dtype=policy_of("auto"))
    settings = Run(folder=None, steps=1000, validate_every=100, names=list("abcd"), settings={})
    trainer = new_trainer(model, RECIPES["default"], settings)
    inputs, clean = batch
    inputs = {name: np.asarray(value) for name, value in inputs.items()}
    seconds = []
    for _ in range(8):
        begun = time.perf_counter()
        trainer.train_on_batch(inputs, np.asarray(clean))
        seconds.append(time.perf_counter() - begun)
    return BATCH / statistics.median(seconds[2:])
