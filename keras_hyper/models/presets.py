"""Networks by name: sizes, and the trained models that ship."""

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


def shipped_names() -> list[str]:
    """Returns the names of the trained models that are there."""
    return sorted(path.parent.name for path in shipped_models().glob("*/model.keras"))


def from_preset(cls, name: str, overrides: dict):
    """Returns a built network of class `cls` by name; see `HyperRes.from_preset`."""
    if name in PRESETS:
        model = cls(**{**PRESETS[name], **overrides})
        model.build()
        return model
    if name not in shipped_names():
        sizes, shipped = ", ".join(PRESETS), ", ".join(shipped_names()) or "none"
        raise ValueError(
            f"No preset {name!r}. Untrained sizes: {sizes}. "
            f"Trained models in {shipped_models()}: {shipped}."
        )
    if overrides:
        raise ValueError(f"A trained model takes no further arguments. Received: {overrides}")
    return keras.models.load_model(shipped_models() / name / "model.keras")
