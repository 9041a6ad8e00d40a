"""Files of exports: versions, hashes, and cards, which have the facts about a network."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_hyper.models import HyperRes, LevelEstimator

# Facts of a card that the network itself does not hold.
_TRAINING_FACTS = ("data", "terms", "command", "training", "validation")


def card_of(model: "HyperRes", level: Any = None, extra: dict | None = None) -> dict:
    """Returns the facts that go with an export.

    Args:
        model: The network.
        level: The one level of a plain export; None for the adaptive network.
        extra: Further facts: data, figures, licence of the data.

    Returns:
        A dict that JSON can hold.
    """
    import keras

    return {
        "task": model.task,
        "unit": model.unit,
        **({"axes": model.axes} if model.axes else {}),
        "level_range": model.level_range,
        "levels_trained_on": model.levels,
        "level_offset": model.level_offset,
        "level_scale": model.level_scale,
        "level_table": model.level_table,
        "only_level": level,
        "channels": model.channels,
        "blocks": model.blocks,
        "filters": model.filters,
        "image_residual": model.image_residual,
        "parameters": model.count_params(),
        "halo": model.halo,
        "multiple": model.multiple,
        "takes_maps": model.takes_maps,
        "tail": model.tail_form,
        "sizes": "any height and width from 1 up; the output has the input's size",
        "precision": model.dtype_policy.name,
        "keras": keras.__version__,
        **(extra or {}),
    }


def estimator_facts(estimator: "LevelEstimator") -> dict:
    """Returns the facts about an estimator inside the export."""
    return {
        "level_range": estimator.level_range,
        "parameters": estimator.count_params(),
        "smallest_side": estimator.min_side,
        "crops": f"{estimator.grid}x{estimator.grid} of {estimator.crop} pixels",
        "rank": estimator.rank,
    }


def read_card(version: Path) -> dict[str, Any]:
    """Returns the card of a SavedModel, or of the folder of a ``model.onnx``; empty without one."""
    for card in (version / "assets.extra" / "card.json", version / "card.json"):
        if card.is_file():
            return json.loads(card.read_text())
    return {}


def training_facts(path: Path) -> dict[str, Any]:
    """Returns the facts of training in the exports beside a ``model.keras``.

    Args:
        path: The file, its folder, or the name of a model that ships.

    Returns:
        A part of the card; empty if no export exists.
    """
    from keras_hyper.models import HyperRes

    shipped = HyperRes.presets.folders()
    for folder in (path, path.parent, shipped.get(str(path), path)):
        if (folder / "model.keras").exists():
            card = read_card(_newest(folder) or folder)
            return {k: v for k, v in card.items() if k in _TRAINING_FACTS}
    return {}


def version_number(name: str) -> int | None:
    """Returns the number that a folder's name is as a whole, else None.

    TF-Serving's versions are of 64 bits; longer numbers, such as time stamps, are none.
    """
    number = int(name) if name.isascii() and name.isdecimal() and len(name) < 100 else -1
    return number if 0 <= number < 1 << 63 else None


def saved_model_folder(path: Path) -> Path | None:
    """Returns the folder of the SavedModel at a path, the newest of several, or None."""
    if (path / "saved_model.pb").is_file():
        return path
    return None if (path / "model.keras").exists() else _newest(path)


def _newest(folder):
    versions = [path for path in folder.glob("*") if version_number(path.name) is not None]
    newest = max(versions, key=lambda path: int(path.name), default=folder)
    return newest if (newest / "saved_model.pb").is_file() else None


def hash_files(paths: Iterable[Path]) -> str:
    """Returns the hash of the contents of files, whatever their names.

    Raises:
        OSError: If one cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]
