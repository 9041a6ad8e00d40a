"""The folder of a training run: its files, and whether the run in it can be resumed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_hyper.errors import WrongArgumentError
from keras_hyper.training.config import FIXED

CHECKPOINT, PREVIOUS_CHECKPOINT = "checkpoint.keras", "checkpoint_previous.keras"
BEST = "best.keras"

# Written before the first checkpoint, or while it is.
_WITHOUT_CHECKPOINT = {"run.json", "run.partial", "logs", BEST, "history.json", "history.partial",
                       ".checkpoint.partial.keras", ".best.partial.keras"}  # fmt: skip
# Keys of run.json before they were renamed. Such files have no `data` and no `valid`.
_RENAMED = {"draws": "num_levels", "every": "validate_every", "start": "init_from"}


def open_run(
    folder: Path,
    record: dict,
    resume: bool,
    say: Callable[[str], object],
    fixed_steps: bool = False,
    writes: bool = True,
) -> None:
    """Makes the folder of a new run, or checks that the run in it can be resumed.

    Args:
        folder: The folder of the run.
        record: Of `TrainingConfig.record`; kept in ``run.json``.
        resume: Whether the run in the folder continues.
        say: Called with a line if the run becomes longer.
        fixed_steps: Whether it must not: stages divide the steps of a run.
        writes: Whether this process writes files; else the folder is checked alone.

    Raises:
        WrongArgumentError: If the folder holds another run, none to resume, or one with other
            settings.
        ValueError: If ``run.json`` is damaged.
    """
    path = folder / "run.json"
    if resume:
        before = _run_to_resume(path)
        _check_same(folder, before, record)
        if record["steps"] > before["steps"]:
            if fixed_steps:
                raise WrongArgumentError(
                    f"the run in {folder} has stages and steps {before['steps']}, "
                    f"which --resume cannot change; got {record['steps']}"
                )
            say(f"the run becomes longer: {record['steps']} steps instead of {before['steps']}")
            if writes:
                write_json(path, {**record, **before, "steps": record["steps"]})
        return
    # A run that ended before its first checkpoint left nothing that could be lost.
    if folder.exists() and {entry.name for entry in folder.iterdir()} - _WITHOUT_CHECKPOINT:
        raise WrongArgumentError(
            f"{folder} holds another run: --resume continues it, --out names another folder"
        )
    if writes:
        shutil.rmtree(folder / "logs", ignore_errors=True)
        (folder / "history.json").unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, record)


def has_checkpoint(folder: Path) -> bool:
    """Whether a folder holds a run that can be resumed."""
    checkpoints = [folder / CHECKPOINT, folder / PREVIOUS_CHECKPOINT]
    return (folder / "run.json").exists() and any(path.exists() for path in checkpoints)


def _run_to_resume(path):
    """The record of a run with a checkpoint, under the names of today."""
    if not has_checkpoint(path.parent):
        raise WrongArgumentError(f"{path.parent} holds no checkpoint to resume from")
    before = {_RENAMED.get(name, name): value for name, value in read_json(path, dict).items()}
    before["levels"] = before.get("levels", "").replace("draws", "levels")
    return {"steps": 0, **before}


def _check_same(folder, before, record):
    for name in FIXED:
        known = name in before or name not in ("data", "valid")
        if known and before.get(name) != record.get(name):
            raise WrongArgumentError(
                f"the run in {folder} has {name} {_text(before.get(name))}, which --resume cannot "
                f"change; got {_text(record.get(name))}"
            )
    if record["steps"] < before["steps"]:
        raise WrongArgumentError(
            f"the run in {folder} has steps {before['steps']}; expected as many or more, "
            f"got {record['steps']}"
        )


def read_json(path: Path, kind: type) -> Any:
    """Reads a JSON file.

    Raises:
        ValueError: If it cannot be read or holds no `kind`; the text names the file.
    """
    expected = f"expected a {kind.__name__} as JSON in {path}"
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{expected}, got {error}") from error
    if not isinstance(value, kind):
        raise ValueError(f"{expected}, got {value!r:.40}")
    return value


def write_json(path: Path, value: dict | list) -> None:
    """Writes a JSON file whole, or leaves the one that exists."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=1))
    os.replace(partial, path)


def _text(value):
    if isinstance(value, dict):
        return f"{value['folder']} ({value['files']} files)"
    return value
