"""What a run prints and exports."""

from pathlib import Path

import keras
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from keras_hyper.models import HyperRes
from keras_hyper.models.precision import accelerators
from keras_hyper.training.config import TrainingConfig
from keras_hyper.training.folder import read_json
from keras_hyper.training.objective import Objective
from pipelines import Levels, level_text
from pipelines.dataset.patch_cache import PatchCache
from pipelines.task import TrainableTask


def announce(
    console: Console,
    config: TrainingConfig,
    task: TrainableTask,
    levels: Levels,
    watched: str,
    cache: PatchCache,
    model: keras.Model,
    devices: int = 1,
) -> None:
    """Prints what will be done, in a few lines."""
    source = config.data or "those that ship with the project (--data DIR for your own)"
    memory = cache.pixels.shape[0] / 2**20
    low, high = cache.sides.numpy().min(axis=0), cache.sides.numpy().max(axis=0)
    sides = f"{low[1]}x{low[0]} to {high[1]}x{high[0]} pixels"
    blocks = ""
    if isinstance(model, HyperRes) and model.blocks:
        blocks = f"{model.blocks} block{'s' * (model.blocks != 1)}, "
    device = ", ".join(accelerators()[:devices]) or "CPU"
    lines = {
        "task": f"{task.name}, level is the {task.unit}",
        "data": f"{cache.pictures} pictures, {cache.windows} windows of {sides}, "
        f"{memory:.0f} MiB, of {source}",
        "validation": watched,
        "network": f"{type(model).__name__}, {blocks}{model.channels} channels, "
        f"{model.count_params():,} parameters",
        "initialised from": config.init_from or "random weights",
        "levels": str(levels),
        "training": f"{config.steps} steps of {config.batch} patches of {config.patch} pixels at "
        f"{levels.num_levels} levels, recipe {config.recipe}, seed {config.seed}",
        "device": f"{device}, {keras.backend.backend()}, {model.dtype_policy.name}",
    }
    for name, text in lines.items():
        console.print(f"[bold]{name:>16}[/]  {text}", highlight=False, soft_wrap=True)
    if cache.enlarged:
        console.print(f"{cache.enlarged} pictures smaller than a patch were extended by reflection")
    if cache.skipped:
        console.print(f"{len(cache.skipped)} files could not be read and were skipped:")
        for line in cache.skipped:
            console.print(f"  {line}", highlight=False, soft_wrap=True)


def first_gpu() -> str | None:
    """Returns the first GPU of TensorFlow, where degradation then runs; None without one."""
    return "/gpu:0" if tf.config.list_physical_devices("GPU") else None


def export(model: keras.Model, config: TrainingConfig, rows: list[dict]) -> Path | None:
    """Exports the SavedModel if Keras runs on TensorFlow; returns its version's folder.

    An estimator has no SavedModel of its own: it is exported with a network that restores.
    """
    if keras.backend.backend() != "tensorflow" or not isinstance(model, HyperRes):
        return None
    from keras_hyper.export.saved_model import export_saved_model

    names = ("valid", "steps", "batch", "patch", "recipe", "seed", "init_from", "shrink", "soften")
    settings = {name: getattr(config, name) for name in names}
    training = {name: str(value) for name, value in settings.items() if value is not None}
    training["seconds"] = read_json(config.folder / "history.json", list)[-1]["seconds"]
    data = str(config.data or "the pictures that ship with the project")
    card = {"data": data, "training": training, "validation": rows}
    return export_saved_model(model, config.folder, card=card)


def conclude(
    console: Console,
    config: TrainingConfig,
    task: TrainableTask,
    objective: Objective,
    rows: list[dict],
    version: Path | None,
) -> None:
    """Prints the figures per level, where the results are, and what to do next."""
    # A title would be wrapped to the width of the columns.
    console.print(f"{objective.heading} on the validation pictures")
    table = Table()
    for _, heading, _ in objective.columns:
        table.add_column(heading, justify="right")
    for row in rows:
        level = level_text(row["level"], [axis.name for axis in task.axes])
        cells = (format(row[name], form) for name, _, form in objective.columns[1:])
        table.add_row(level, *cells)
    console.print(table)
    if objective.restores and all(abs(row["gain"]) < 0.01 for row in rows):
        # Features that are zero for every image have no gradient.
        console.print("the network changes almost nothing: train again with a lower --rate, such "
                      "as 5e-4", soft_wrap=True)  # fmt: skip
    model, logs = config.folder / "model.keras", config.folder / "logs"
    level = level_text(rows[len(rows) // 2]["level"], [axis.name for axis in task.axes])
    console.print(
        f"network     {model}\nSavedModel  {version or 'not exported'}\n"
        f"logs        {logs}\n\nNext\n"
        f"  {task.usage.format(task=task.name, level=level, model=model)}\n"
        f"  tensorboard --logdir {logs}",
        highlight=False,
        soft_wrap=True,
    )
