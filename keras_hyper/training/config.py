"""The settings of a training run, and the record of them in its folder."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hyper.errors import WrongArgumentError
from keras_hyper.models import HyperRes
from keras_hyper.training.recipes import Recipe

CHECKPOINT, PREVIOUS_CHECKPOINT = "checkpoint.keras", "checkpoint_previous.keras"

# What a resumed run must have in common with the one it continues; `steps` may grow.
_FIXED = ("task", "levels", "num_levels", "blocks", "filters", "tail", "channels", "batch", "patch",
          "shrink", "recipe", "rate", "seed", "validate_every", "precision", "init_from", "data",
          "valid")  # fmt: skip
# Keys of run.json before they were renamed. Such files have no `data` and no `valid`.
_RENAMED = {"draws": "num_levels", "every": "validate_every", "start": "init_from"}


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of one run.

    Args:
        task: Name of the task.
        data: Folder of photographs; None for those that ship.
        valid: Folder to validate on; None for a tenth of `data`.
        out: The run goes to ``out/task``.
        levels: Levels to train on, or one range ``LOW:HIGH``; None for those of the initial
            network if it has the same task, else the task's own.
        num_levels: Levels sampled a step from a range.
        init_from: Network to initialise from: a path or a preset; None for random weights.
        blocks: See `HyperRes`; None for the initial network's, else 1. Likewise the next three.
        filters: Number of features, by default 64.
        tail: ``"paper"`` (the default) or ``"light"``.
        channels: 1 for gray, 3 for colour (the default).
        steps: Training steps in all.
        batch: Clean patches a step; None for the recipe's.
        patch: Side of a patch in pixels; None for the recipe's.
        shrink: Factors below 1 by which every photograph is shrunk as well.
        validate_every: Steps between validations.
        recipe: Name of the `Recipe`.
        rate: Highest learning rate; None for the recipe's.
        precision: ``"auto"``, ``"float32"`` or ``"bfloat16"``.
        seed: Of weights, patches and noise.
        memory: GiB that the pictures may take.
        device: Where degradation runs, such as ``"/gpu:0"``; None for the first GPU, if any.
        resume: Whether to continue from the checkpoint in the folder.
        profile: Whether ten steps are profiled for TensorBoard.
    """

    task: str
    data: Path | None = None
    valid: Path | None = None
    out: Path = Path("runs")
    levels: Sequence[str | float] | None = None
    num_levels: int = 4
    init_from: str | None = None
    blocks: int | list[int] | None = None
    filters: int | list[int] | None = None
    tail: str | None = None
    channels: int | None = None
    steps: int = 7000
    batch: int | None = None
    patch: int | None = None
    shrink: Sequence[float] | None = None
    validate_every: int = 250
    recipe: str = "default"
    rate: float | None = None
    precision: str = "auto"
    seed: int = 0
    memory: float = 1.0
    device: str | None = None
    resume: bool = False
    profile: bool = False

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.out / self.task

    def completed(self, recipe: Recipe, initial: HyperRes | None = None) -> "TrainingConfig":
        """Returns this config with the settings that were not given.

        Args:
            recipe: The `Recipe`.
            initial: The network that the run is initialised from, if any.
        """
        levels = self.levels
        if initial and initial.task == self.task and not levels:
            low, high = initial.level_range
            levels = initial.levels or [f"{low:g}:{high:g}"]
        return replace(
            self,
            levels=levels,
            blocks=self.blocks or (initial.blocks if initial else 1),
            filters=self.filters or (initial.filters if initial else 64),
            tail=self.tail or (initial.tail_form if initial else "paper"),
            channels=self.channels or (initial.channels if initial else 3),
            batch=self.batch or recipe.batch,
            patch=self.patch or recipe.patch,
        )

    def record(
        self, levels: object, pictures: Sequence[Path], valid: Sequence[Path]
    ) -> dict[str, Any]:
        """Returns what ``run.json`` keeps, as JSON gives it back.

        Args:
            levels: The levels of the run.
            pictures: Files trained on.
            valid: Files validated on.
        """
        given = {name: getattr(self, name) for name in (*_FIXED, "steps")}
        given["levels"] = str(levels)
        given["data"] = _folder_of(self.data, pictures)
        given["valid"] = _folder_of(self.valid or self.data, valid)
        record = {name: value for name, value in given.items() if value is not None}
        versions = {
            "keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__
        }  # fmt: skip
        record |= {"versions": versions, "commit": _commit()}
        return json.loads(json.dumps(record))


def open_run(folder: Path, record: dict, resume: bool, say: Callable[[str], object]) -> None:
    """Makes the folder of a new run, or checks that the run in it can be resumed.

    Args:
        folder: The folder of the run.
        record: Of `TrainingConfig.record`; kept in ``run.json``.
        resume: Whether the run in the folder continues.
        say: Called with a line if the run becomes longer.

    Raises:
        WrongArgumentError: If the folder holds another run, none to resume, or one with other
            settings.
        ValueError: If ``run.json`` is damaged.
    """
    path = folder / "run.json"
    if not resume:
        # A run that ended before its first checkpoint left nothing that could be lost.
        if folder.exists() and {entry.name for entry in folder.iterdir()} - {"run.json", "logs"}:
            raise WrongArgumentError(
                f"{folder} holds another run: --resume continues it, --out names another folder"
            )
        shutil.rmtree(folder / "logs", ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, record)
        return
    checkpoints = [folder / CHECKPOINT, folder / PREVIOUS_CHECKPOINT]
    if not path.exists() or not any(checkpoint.exists() for checkpoint in checkpoints):
        raise WrongArgumentError(f"{folder} holds no checkpoint to resume from")
    before = {_RENAMED.get(name, name): value for name, value in read_json(path, dict).items()}
    before["levels"] = before.get("levels", "").replace("draws", "levels")
    for name in _FIXED:
        known = name in before or name not in ("data", "valid")
        if known and before.get(name) != record.get(name):
            raise WrongArgumentError(
                f"the run in {folder} has {name} {_text(before.get(name))}, which --resume cannot "
                f"change; got {_text(record.get(name))}"
            )
    steps = before.get("steps", 0)
    if record["steps"] < steps:
        raise WrongArgumentError(
            f"the run in {folder} has steps {steps}; expected as many or more, "
            f"got {record['steps']}"
        )
    if record["steps"] > steps:
        say(f"the run becomes longer: {record['steps']} steps instead of {steps}")
        write_json(path, {**record, **before, "steps": record["steps"]})


def read_json(path: Path, kind: type) -> Any:
    """Reads a JSON file of a run.

    Raises:
        ValueError: If it is damaged or holds no `kind`; the text names the file.
    """
    try:
        value = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is damaged: expected JSON, got {error}") from error
    if not isinstance(value, kind):
        raise ValueError(f"{path} is damaged: expected a {kind.__name__}, got {value!r:.40}")
    return value


def write_json(path: Path, value: dict | list) -> None:
    """Writes a JSON file whole, or leaves the one that exists."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=1))
    os.replace(partial, path)


def _folder_of(folder, files):
    return {"folder": str(folder.resolve()) if folder else "sample pictures", "files": len(files)}


def _text(value):
    if isinstance(value, dict):
        return f"{value['folder']} ({value['files']} files)"
    return value


def _commit():
    """The git commit of this code; None for an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists() or not shutil.which("git"):
        return None
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None
