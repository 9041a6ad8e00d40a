"""The folder of a run: whose it is, and whether it may be written to."""

import json
import shutil
from pathlib import Path

from keras_hyper.errors import WrongArgumentError

# What a resumed run must have in common with the one it goes on with.
_FIXED = ("task", "levels", "num_levels", "blocks", "filters", "tail", "channels", "steps", "batch",
          "patch", "recipe", "seed", "every", "precision", "start", "rate", "shrink")  # fmt: skip


def fixed(settings: dict) -> dict:
    """Returns those settings that make a run what it is and are set, as JSON gives them back."""
    return json.loads(
        json.dumps({name: settings[name] for name in _FIXED if settings[name] is not None})
    )


def open_run(folder: Path, settings: dict, resume: bool) -> Path:
    """Makes the folder of a new run, or checks that a run can be resumed in it.

    Args:
        folder: ``OUT/TASK``.
        settings: Its settings by name, kept in ``run.json``.
        resume: Whether a run is to go on.

    Returns:
        `folder`.

    Raises:
        WrongArgumentError: If the folder holds another run, or there is none to resume, or it has
            other settings.
    """
    record = folder / "run.json"
    settings = fixed(settings)
    if not resume:
        # A run that ended before its first checkpoint left nothing that could be lost.
        if folder.exists() and {path.name for path in folder.iterdir()} - {"run.json", "logs"}:
            raise WrongArgumentError(
                f"{folder} holds another run: give --resume to go on with it, or another --out"
            )
        shutil.rmtree(folder / "logs", ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps(settings, indent=1))
        return folder
    if not record.exists() or not (folder / "checkpoint.keras").exists():
        raise WrongArgumentError(f"{folder} holds no checkpoint to resume from")
    before = json.loads(record.read_text())
    for name in _FIXED:
        if before.get(name) != settings.get(name):
            raise WrongArgumentError(
                f"the run in {folder} has {name} {before.get(name)}; "
                f"a resumed run must have the same. Received: {settings.get(name)}"
            )
    return folder
