"""What train.py says before and after."""

from pathlib import Path
from types import SimpleNamespace

import keras
from rich.console import Console
from rich.table import Table

from keras_hyper.models.precision import accelerators


def announce(console: Console, settings, task, levels, bank, watched, model) -> None:
    """Says what will be done, in a few lines."""
    args = SimpleNamespace(**settings)
    source = args.data or "those that ship with the project (--data DIR for your own)"
    memory = bank.pixels.shape[0] / 2**20
    low, high = bank.sides.numpy().min(axis=0), bank.sides.numpy().max(axis=0)
    sides = f"{low[1]}x{low[0]} to {high[1]}x{high[0]} pixels"
    lines = {
        "task": f"{task.name}, level is the {task.unit}",
        "data": f"{bank.pictures} pictures, {bank.windows} windows of {sides}, "
        f"{memory:.0f} MiB, of {source}",
        "validation": watched,
        "network": f"{model.blocks} blocks, {model.channels} channels, "
        f"{model.count_params():,} parameters",
        "levels": str(levels),
        "training": f"{args.steps} steps of {args.batch} patches of {args.patch} pixels at "
        f"{levels.draws} levels, recipe {args.recipe}, seed {args.seed}",
        "device": f"{_device()}, {keras.backend.backend()}, {model.dtype_policy.name}",
    }
    for name, text in lines.items():
        console.print(f"[bold]{name:>11}[/]  {text}", highlight=False, soft_wrap=True)
    if bank.enlarged:
        console.print(f"{bank.enlarged} pictures smaller than a patch were extended by reflection")
    if bank.left_out:
        console.print(f"{len(bank.left_out)} files could not be read and were left out:")
        for line in bank.left_out:
            console.print(f"  {line}", highlight=False, soft_wrap=True)


def _device():
    found = accelerators()
    return found[0] if found else "CPU"


def accelerator(device: str | None) -> str | None:
    """Returns where degradation runs: `device`, else the first GPU, else None for the host."""
    import tensorflow as tf

    return device or ("/gpu:0" if tf.config.list_physical_devices("GPU") else None)


def export(model, folder: Path, rows, settings: dict) -> Path | None:
    """Exports the SavedModel, where Keras runs on TensorFlow; returns its version's folder."""
    if keras.backend.backend() != "tensorflow":
        return None
    from keras_hyper.export import export_saved_model

    figures = [{"level": level, "psnr_before": a, "psnr_after": b} for level, a, b in rows]
    data = {name: str(settings[name]) for name in ("data", "valid", "steps", "recipe", "seed")}
    return export_saved_model(model, folder, card={"data": data, "validation": figures})


def conclude(console: Console, task: str, folder: Path, rows, version: Path | None) -> None:
    """Shows PSNR per level before and after, where everything lies, and what to do next."""
    # A title would be wrapped to the width of the columns.
    console.print("PSNR on the validation pictures, dB")
    table = Table()
    for heading in ("level", "before", "after", "gain"):
        table.add_column(heading, justify="right")
    for level, before, after in rows:
        table.add_row(f"{level:g}", f"{before:.2f}", f"{after:.2f}", f"{after - before:+.2f}")
    console.print(table)
    level = f"{rows[len(rows) // 2][0]:g}"
    model = folder / "model.keras"
    console.print(
        f"network     {model}\nSavedModel  {version or 'not exported: needs TensorFlow'}\n"
        f"logs        {folder / 'logs'}\n\nGo on with\n"
        f"  keras-hyper restore IN OUT --task {task} --level {level} --model {model}\n"
        f"  tensorboard --logdir {folder / 'logs'}",
        highlight=False,
        soft_wrap=True,
    )
