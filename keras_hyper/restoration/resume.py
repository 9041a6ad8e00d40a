"""Folders that were begun: what is done, and whether it was done the same way.

A record lies in the folder from the first picture on until all are done.
"""

import json
from pathlib import Path

from keras_hyper.errors import WrongArgumentError

# Hidden: what lists pictures passes over it.
RECORD = ".keras-hyper.json"


def settings_of(args) -> dict:
    """Returns what decides how the pictures of a folder come out."""
    model = args.server_model or args.model or args.task
    return {
        "task": args.task,
        "level": args.level,
        "model": str(model),
        "same_size": args.same_size,
    }


def check_same(folder: Path, settings: dict) -> None:
    """Checks that what is in a folder was made in the way that it is to go on.

    Raises:
        WrongArgumentError: If it was made another way; a folder without a record passes.
    """
    record = folder / RECORD
    if not record.exists():
        return
    try:
        before = dict(json.loads(record.read_text()))
    except (ValueError, TypeError) as error:
        raise WrongArgumentError(
            f"{record} is damaged; --resume works without it, unchecked ({error})"
        ) from error
    for name, value in settings.items():
        if before.get(name, value) != value:
            raise WrongArgumentError(
                f"{folder} was begun with {name} {before[name]}. Received: --resume with {value} "
                "(--force makes all of it anew)"
            )


def note(folder: Path, settings: dict) -> None:
    """Notes in a folder how its pictures are made.

    Raises:
        OSError: If it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).write_text(json.dumps(settings) + "\n")


def forget(folder: Path) -> None:
    """Removes the record of a folder that is done."""
    (folder / RECORD).unlink(missing_ok=True)


def is_done(source: Path, out: Path) -> bool:
    """Whether a picture was restored after it last changed.

    A restored picture appears whole or not at all, so one that is there is complete.
    """
    return out.exists() and out.stat().st_mtime_ns >= source.stat().st_mtime_ns
