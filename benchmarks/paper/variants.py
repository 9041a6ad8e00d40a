"""Compares changes to the recipe in short trainings of equal length.

`python -m benchmarks.paper.variants --data DIR` trains the tiny network once for each change, with
the same pictures, patches and noise, and measures it on the same validation pairs. Figures are kept
in --store, and stored variants are not trained again.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from keras_hyper import training
from keras_hyper.models import HyperRes
from keras_hyper.models.precision import policy_of
from keras_hyper.training.restoring import MeanLossOfLevels, psnr_before_and_after
from pipelines import TASKS, load_patch_cache, parse_levels, split, training_pairs
from pipelines.dataset.pairs import validation_pairs


@dataclass(frozen=True)
class Variant:
    """One change to the recipe.

    Args:
        name: The change, as named in the table.
        recipe: Fields of the `Recipe` to replace.
        network: Arguments of `HyperRes` to replace.
        levels: Levels trained on; by default those of the experiment.
        steps: Factor of the number of patches per level.
        weigh: ``levels -> weights`` of the levels in the loss, of mean 1.
        slope: Standard deviation of the initial ``w``, relative to that of ``b``; 0 is zeros.
        level_input: ``level -> input`` of the network, if it is not the level itself.
        init_from: Preset to initialise the weights from.
    """

    name: str
    recipe: dict[str, Any] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)
    levels: tuple[float, ...] = ()
    steps: int = 1
    weigh: Callable | None = None
    slope: float = 0.0
    level_input: Callable | None = None
    init_from: str = ""


@dataclass(frozen=True)
class Experiment:
    """The variants compared for a task.

    Args:
        task: Name of the task.
        levels: Levels trained on, unless a variant has its own.
        measured: Levels that are measured.
        variants: The first is without a change.
    """

    task: str
    levels: tuple[float, ...]
    measured: tuple[int, ...]
    variants: tuple[Variant, ...]


def quantiser_scale(quality):
    """Returns the logarithm of libjpeg's percentage that scales the quantiser's steps."""
    quality = np.asarray(quality, np.float32)
    return np.log(np.where(quality < 50, 5000 / quality, 200 - 2 * np.minimum(quality, 99.5)))


def _power(exponent):
    def weigh(levels):
        weights = np.asarray(levels, np.float32) ** exponent
        return weights / weights.mean()

    return weigh


# Clean patches per step, each at four levels.
BATCH = 4

_NOISE = Experiment(
    "denoise",
    levels=(5.0, 20.0, 50.0, 90.0),
    measured=(5, 10, 15, 25, 35, 50, 75, 90),
    variants=(
        Variant("none: batch 4"),
        Variant("another seed", {"seed": 1}),
        Variant("batch 16, a quarter of the steps", {"batch": 16}),
        Variant("batch 8, half the steps", {"batch": 8}),
        Variant("batch 2, twice the steps", {"batch": 2}),
        Variant("rate 5e-4", {"rate": 5e-4}),
        Variant("rate 2e-3", {"rate": 2e-3}),
        Variant("no average of the weights", {"average": 0.0}),
        Variant("the picture not added to the output", {"image_residual": False}),
        Variant("level divided by 255, as the authors do", {"level_map": (0.0, 255.0)}),
        Variant("level in -0.3..0.3", {"level_map": (47.5, 140.0)}),
        Variant("level in -3..3", {"level_map": (47.5, 14.0)}),
        Variant("logarithm of the level as input", level_input=np.log),
        Variant("square root of the level as input", level_input=np.sqrt),
        Variant("w initialised at random, a third of b", slope=0.3),
        Variant("loss weighted by 1 / sqrt(sigma)", weigh=_power(-0.5)),
        Variant("loss weighted by sqrt(sigma)", weigh=_power(0.5)),
        Variant("48 features", network={"filters": 48}),
        Variant("sigma 5 alone, 16 patches of it", {"batch": 16}, levels=(5.0,), steps=4),
        Variant("sigma 25 alone, 16 patches of it", {"batch": 16}, levels=(25.0,), steps=4),
        Variant("sigma 75 alone, 16 patches of it", {"batch": 16}, levels=(75.0,), steps=4),
    ),
)
_JPEG = Experiment(
    "dejpeg",
    levels=(5.0, 15.0, 40.0, 90.0),
    measured=(5, 10, 20, 40, 60, 80, 90),
    variants=(
        Variant("none: batch 4"),
        Variant("batch 16, a quarter of the steps", {"batch": 16}),
        Variant("initialised from the tiny denoiser", init_from="denoise_tiny"),
        Variant(
            "the same, logarithm of the quantiser's scale as input",
            level_input=quantiser_scale,
            init_from="denoise_tiny",
        ),
    ),
)
EXPERIMENTS = {experiment.task: experiment for experiment in (_NOISE, _JPEG)}


class WeightedLoss(MeanLossOfLevels):
    """Weighted mean over the levels."""

    def __init__(self, weights, **kwargs):
        super().__init__(**kwargs)
        self.weights = weights

    def call(self, y_true, y_pred):
        """Returns one number per patch."""
        weights = self.weights[None, :, None, None, None]
        return super().call(y_true * 0, (y_pred - y_true[:, None]) * weights)


def trained(task, variant: Variant, args, console) -> list[dict]:
    """Trains a variant; returns the validation figures, one row per level."""
    own = dict(variant.recipe)
    seed = own.pop("seed", 0)
    recipe = replace(training.RECIPES["default"], **{"batch": BATCH, **own})
    steps = int(args.steps * variant.steps * BATCH / recipe.batch)
    levels = parse_levels(variant.levels or EXPERIMENTS[task.name].levels, task)
    level_input = variant.level_input or (lambda level: level)
    model = _network(
        variant, recipe, task, [float(level_input(level)) for level in levels.fixed], seed
    )

    paths, held_out, _ = split(args.data, args.valid)
    cache = load_patch_cache(paths, task, levels, model.channels, recipe.patch)

    def relabelled(inputs, clean):
        scalars = np.float32([level_input(level) for level in levels.fixed])
        return {**inputs, "level": 0 * inputs["level"] + scalars}, clean

    def pairs_from(step):
        pairs = training_pairs(cache, task, levels, recipe.batch, recipe.patch, seed, step)
        return pairs.map(relabelled)

    def validation(levels):
        pairs = validation_pairs(held_out, task, levels, model.channels)
        scalars = np.float32([level_input(level) for level in levels])
        return pairs.map(lambda x, y: ({**x, "level": 0 * x["level"] + scalars}, y))

    with tempfile.TemporaryDirectory() as folder:
        run = training.Run(Path(folder), steps, steps, levels.names(), {"steps": steps})
        trainer = training.new_trainer(model, recipe, run)
        if variant.weigh:
            loss = WeightedLoss(variant.weigh(levels.fixed))
            metrics = run.objective.metrics(run.names)
            trainer.compile(trainer.optimizer, loss=loss, metrics=metrics)
        model = training.fit(trainer, pairs_from, validation(levels.fixed), run, console)
    at = levels.fixed if len(levels.fixed) == 1 else EXPERIMENTS[task.name].measured
    rows = psnr_before_and_after(model.with_precision("float32"), validation(at))
    return [{**row, "level": float(level)} for row, level in zip(rows, at, strict=True)]


def _network(variant, recipe, task, scalars, seed):
    import keras

    keras.utils.set_random_seed(seed)
    low, high = min(scalars), max(scalars)
    offset, scale = recipe.level_map or (task.level_offset, task.level_scale)
    if variant.level_input:
        offset, scale = (low + high) / 2, (high - low) / 2
    model = HyperRes(
        blocks=1, image_residual=recipe.image_residual, task=task.name, level_offset=offset,
        level_scale=scale, level_range=(low, high), dtype=policy_of("auto"), **variant.network,
    )  # fmt: skip
    model.build()
    if variant.init_from:
        training.initialise_from(model, HyperRes.from_preset(variant.init_from))
    if variant.slope:
        rng = np.random.default_rng(seed)
        for conv in model.block_convs:
            kernel = np.asarray(conv.b)
            conv.w.assign(variant.slope * kernel.std() * rng.standard_normal(kernel.shape))
    return model


def main() -> None:
    """Trains the variants missing in the store and prints the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.paper.variants", description=__doc__)
    add = parser.add_argument
    add("--task", choices=list(EXPERIMENTS), default="denoise")
    add("--data", type=Path, required=True, help="folder of photographs to train on")
    add("--valid", type=Path, required=True, help="folder of photographs to validate on")
    add("--steps", type=int, default=2000)
    add(
        "--only", nargs="+", default=[], help="train only variants whose name contains one of these"
    )
    add("--store", type=Path, required=True, help="JSON file of figures")
    args = parser.parse_args()
    task, console = TASKS[args.task], Console(stderr=True)
    known = json.loads(args.store.read_text()) if args.store.exists() else {}
    for variant in EXPERIMENTS[task.name].variants:
        key = f"{task.name}, {args.steps} steps: {variant.name}"
        selected = not args.only or any(word in variant.name for word in args.only)
        if selected and key not in known:
            console.print(f"[bold]{key}")
            rows = trained(task, variant, args, console)
            known[key] = {f"{row['level']:g}": round(row["psnr_after"], 3) for row in rows}
            if not variant.levels:
                before = {f"{row['level']:g}": round(row["psnr_before"], 3) for row in rows}
                known[f"{task.name}, {args.steps} steps: degraded pictures"] = before
            args.store.write_text(json.dumps(known, indent=1) + "\n")
    show(known, task.name, args.steps)


def show(known: dict, task: str, steps: int) -> None:
    """Prints the stored figures of a task as a Markdown table."""
    levels = [f"{level:g}" for level in EXPERIMENTS[task].measured]
    prefix = f"{task}, {steps} steps: "
    print(f"| change | {' | '.join(levels)} |\n|---|{'---:|' * len(levels)}")
    for key, figures in known.items():
        if key.startswith(prefix):
            cells = [f"{figures[level]:.2f}" if level in figures else "" for level in levels]
            print(f"| {key.removeprefix(prefix)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
