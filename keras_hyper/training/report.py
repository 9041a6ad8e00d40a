"""What train.py says before and after."""

import json
from pathlib import Path
from types import SimpleNamespace

import keras
from rich.console import Console
from rich.table import Table

from keras_hyper.models import HyperRes
from keras_hyper.models.precision import accelerators


def announce(console: Console, settings, task, levels, cache, watched, model) -> None:
    """Says what will be done, in a few lines."""
    args = SimpleNamespace(**settings)
    source = args.data or "those that ship with the project (--data DIR for your own)"
    memory = cache.pixels.shape[0] / 2**20
    low, high = cache.sides.numpy().min(axis=0), cache.sides.numpy().max(axis=0)
    sides = f"{low[1]}x{low[0]} to {high[1]}x{high[0]} pixels"
    lines = {
        "task": f"{task.name}, level is the {task.unit}",
        "data": f"{cache.pictures} pictures, {cache.windows} windows of {sides}, "
        f"{memory:.0f} MiB, of {source}",
        "validation": watched,
        "network": f"{type(model).__name__}, {_blocks(model)}{model.channels} channels, "
        f"{model.count_params():,} parameters",
        "begins with": args.start or "random weights",
        "levels": str(levels),
        "training": f"{args.steps} steps of {args.batch} patches of {args.patch} pixels at "
        f"{levels.num_levels} levels, recipe {args.recipe}, seed {args.seed}",
        "device": f"{_device()}, {keras.backend.backend()}, {model.dtype_policy.name}",
    }
    for name, text in lines.items():
        console.print(f"[bold]{name:>11}[/]  {text}", highlight=False, soft_wrap=True)
    if cache.enlarged:
        console.print(f"{cache.enlarged} pictures smaller than a patch were extended by reflection")
    if cache.skipped:
        console.print(f"{len(cache.skipped)} files could not be read and were left out:")
        for line in cache.skipped:
            console.print(f"  {line}", highlight=False, soft_wrap=True)


def _blocks(model):
    return f"{model.blocks} blocks, " if hasattr(model, "blocks") else ""


def _device():
    found = accelerators()
    return found[0] if found else "CPU"


def accelerator(device: str | None) -> str | None:
    """Returns where degradation runs: `device`, else the first GPU, else None for the host."""
    import tensorflow as tf

    return device or ("/gpu:0" if tf.config.list_physical_devices("GPU") else None)


def export(model, folder: Path, rows, settings: dict) -> Path | None:
    """Exports the SavedModel, where Keras runs on TensorFlow; returns its version's folder.

    An estimator has none of its own: it goes into a restorer's.
    """
    if keras.backend.backend() != "tensorflow" or not isinstance(model, HyperRes):
        return None
    from keras_hyper.export.saved_model import export_saved_model

    names = ("valid", "steps", "batch", "patch", "recipe", "seed", "start", "shrink")
    training = {name: str(settings[name]) for name in names if settings[name] is not None}
    training["seconds"] = json.loads((folder / "history.json").read_text())[-1]["seconds"]
    data = str(settings["data"] or "the pictures that ship with the project")
    card = {"data": data, "training": training, "validation": rows}
    return export_saved_model(model, folder, card=card)


def conclude(console: Console, task, goal, folder: Path, rows, version: Path | None) -> None:
    """Shows the figures per level, where everything lies, and what to do next."""
    # A title would be wrapped to the width of the columns.
    console.print(f"{goal.heading} on the validation pictures")
    table = Table()
    for _, heading, _ in goal.columns:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*(format(row[name], form) for name, _, form in goal.columns))
    console.print(table)
    model = folder / "model.keras"
    level = f"{rows[len(rows) // 2]['level']:g}"
    command = task.usage.format(task=task.name, level=level, model=model)
    console.print(
        f"network     {model}\nSavedModel  {version or 'not exported'}\n"
        f"logs        {folder / 'logs'}\n\nGo on with\n"
        f"  {command}\n"
        f"  tensorboard --logdir {folder / 'logs'}",
        highlight=False,
        soft_wrap=True,
    )
