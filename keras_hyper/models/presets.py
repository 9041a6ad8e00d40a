"""Networks by name: sizes, and the trained models that ship."""

import json
import zipfile
from pathlib import Path

import keras

PRESETS = {
    "tiny": {"blocks": 1},
    "small": {"blocks": 4},
    "paper": {"blocks": 16},
}


def shipped_models() -> Path:
    """Returns the folder of the models that ship: ``saved_models`` beside the package."""
    return Path(__file__).resolve().parents[2] / "saved_models"


def shipped_names(kind: str = "HyperRes") -> list[str]:
    """Returns the names of the trained models of a class, given by name, that are there."""
    found = shipped_models().glob("*/model.keras")
    return sorted(path.parent.name for path in found if _class_in(path) == kind)


def _class_in(path):
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("config.json"))["class_name"]


def from_preset(cls, name: str, overrides: dict):
    """Returns a built network of class `cls` by name; see `HyperRes.from_preset`."""
    if name in cls.presets:
        model = cls(**{**cls.presets[name], **overrides})
        model.build()
        return model
    names = shipped_names(cls.__name__)
    if name not in names:
        sizes, shipped = (", ".join(known) or "none" for known in (cls.presets, names))
        raise ValueError(
            f"No preset {name!r}. Untrained sizes: {sizes}. "
            f"Trained models in {shipped_models()}: {shipped}."
        )
    if overrides:
        raise ValueError(f"A trained model takes no further arguments. Received: {overrides}")
    return keras.models.load_model(shipped_models() / name / "model.keras")
