"""The settings of a training run, and their record."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hyper.methods import METHODS
from keras_hyper.models import HyperRes
from keras_hyper.numbers import below_one, not_negative, one_or_more, positive, share, whole
from keras_hyper.training.recipes import Recipe

# What a resumed run must have in common with the one it continues; `steps` may grow.
FIXED = ("task", "levels", "num_levels", "blocks", "filters", "tail", "channels", "batch", "patch",
          "shrink", "soften", "recipe", "loss", "rate", "clip", "gray", "seed", "validate_every",
          "precision", "init_from", "method", "schedule", "restorer", "data", "valid")  # fmt: skip


def _option(default: Any, text: str, **parsing: Any) -> Any:
    """A field of `TrainingConfig`; `parsing` and its help go to argparse."""
    return field(default=default, metadata={"help": text, **parsing})


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of one run: `task`, and a field for each option of ``keras-hyper train``.

    The metadata of a field has its help. None means the default that the help names;
    `completed` puts it in.

    Args:
        task: Name of the task.
    """

    task: str
    data: Path | None = _option(
        None, "folder of photographs; by default those that ship", type=Path
    )
    valid: Path | None = _option(
        None, "folder to validate on; by default a tenth of --data", type=Path
    )
    out: Path = _option(Path("runs"), "the run goes to OUT/TASK", type=Path)
    levels: Sequence[str | float] | None = _option(
        None,
        "levels to train on, or one range LOW:HIGH; of several axes noise=0:50 jpeg=10:100; by "
        "default those of the initial network if it has the same task, else the task's own",
        nargs="+",
    )
    num_levels: int = _option(4, "levels sampled a step from a range", type=whole(2))
    method: str | None = _option(
        None,
        "how kernels depend on the level: hyperres (the default), or a method to compare it with",
        choices=list(METHODS),
    )
    schedule: str | None = _option(
        None,
        "joint, all levels at once; or ends, one level and then another, half of the steps each; "
        "by default the method's own",
        choices=["joint", "ends"],
    )
    init_from: str | None = _option(
        None, "network to initialise from: a model.keras, a run, or a preset"
    )
    restorer: str | None = _option(
        None,
        "of an estimator: the network, by a name as of --init-from; the level is learned at which "
        "it restores best",
    )
    blocks: int | list[int] | None = _option(
        None,
        "residual blocks: 1 tiny (the default), 4 small, 16 paper; 2,4 is a U-Net",
        type=one_or_more,
    )
    filters: int | list[int] | None = _option(
        None, "features (default 64); one number a scale: 64,128", type=one_or_more
    )
    tail: str | None = _option(
        None,
        "paper (the default), or light, which has no convolution at full resolution",
        choices=["paper", "light"],
    )
    channels: int | None = _option(
        None, "1 for gray, 3 for colour (the default)", type=int, choices=[1, 3]
    )
    steps: int = _option(7000, "training steps in all", type=whole(1))
    batch: int | None = _option(
        None, "clean patches a step; the recipe's by default", type=whole(1)
    )
    patch: int | None = _option(
        None, "side of a patch in pixels; the recipe's by default", type=whole(8)
    )
    shrink: Sequence[float] | None = _option(
        None,
        "train on every photograph shrunk by these factors as well, such as 0.5",
        type=below_one,
        nargs="+",
        metavar="FACTOR",
    )
    soften: Sequence[float] | None = _option(
        None,
        "train on every photograph blurred by Gaussians of these widths in pixels as well",
        type=positive,
        nargs="+",
        metavar="WIDTH",
    )
    validate_every: int = _option(250, "steps between validations", type=whole(1))
    recipe: str = _option("default", "settings of training", choices=["default", "authors"])
    loss: str | None = _option(
        None,
        "to restore: l1, the absolute error (the default), charbonnier, or psnr, the negative PSNR",
        choices=["l1", "charbonnier", "psnr"],
    )
    rate: float | None = _option(
        None, "highest learning rate; the recipe's by default", type=positive
    )
    clip: float | None = _option(
        None, "largest norm of the gradient, 0 for none; the recipe's by default", type=not_negative
    )
    gray: float | None = _option(
        None, "share of colour patches that become gray; the task's by default", type=share
    )
    precision: str = _option("auto", "of the layers", choices=["auto", "float32", "bfloat16"])
    seed: int = _option(0, "of the weights, the patches and the noise", type=whole(0))
    memory: float = _option(1.0, "GiB that the pictures may take", type=positive)
    device: str | None = _option(
        None, "where degradation runs, such as /gpu:0; by default the first GPU, if any"
    )
    resume: bool = _option(
        False,
        "continue from the checkpoint in OUT/TASK; --steps may be more than before",
        action="store_true",
    )
    hosts: str | None = _option(
        None, "HOST:PORT of each process, with commas, or of process 0 (docs/distributed.md)"
    )
    host_index: int | None = _option(
        None, "number of this process, from 0; by default the scheduler's", type=whole(0)
    )
    profile: bool = _option(False, "profile ten steps for TensorBoard", action="store_true")

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
            levels = _levels_of(initial)
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
        given = {name: getattr(self, name) for name in (*FIXED, "steps")}
        given["levels"] = str(levels)
        given["data"] = _folder_of(self.data, pictures)
        given["valid"] = _folder_of(self.valid or self.data, valid)
        record = {name: value for name, value in given.items() if value is not None}
        versions = {
            "keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__
        }  # fmt: skip
        record |= {"versions": versions, "commit": _commit()}
        return json.loads(json.dumps(record))


def _levels_of(network):
    """The levels that a network was trained on, as the words of --levels."""
    if not network.axes:
        low, high = network.level_range
        return network.levels or [f"{low:g}:{high:g}"]
    texts = [f"{low:g}:{high:g}" for low, high in network.level_range]
    if network.levels:
        columns = [sorted(set(column)) for column in zip(*network.levels, strict=True)]
        texts = [",".join(f"{level:g}" for level in column) for column in columns]
    return [f"{name}={text}" for name, text in zip(network.axes, texts, strict=True)]


def _folder_of(folder, files):
    return {"folder": str(folder.resolve()) if folder else "sample pictures", "files": len(files)}


def _commit():
    """The git commit of this code; None for an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists() or not shutil.which("git"):
        return None
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None
