"""Networks by name: sizes, and the trained models that ship."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from keras_hyper.errors import WrongArgumentError
from keras_hyper.shipped import shipped_models

# The part of a trained model's configuration that `Presets` returns.
_SHOWN = ("task", "unit", "channels", "blocks", "level_range")


class Presets(Mapping):
    """The presets of a class by name: untrained sizes, then the trained models that ship.

    A trained model goes by its folder's name, and by that and its size's, so that ``denoise_small``
    stays what it is when a larger ``denoise`` ships.

    Args:
        kind: Name of the class.
        sizes: Arguments of the class by name.
    """

    def __init__(self, kind: str, sizes: dict[str, dict[str, Any]]):
        self.kind, self.sizes = kind, sizes

    def __getitem__(self, name: str) -> dict[str, Any]:
        """Returns the arguments of a size, or the ``folder`` and main facts of a trained model."""
        if name in self.sizes:
            return self.sizes[name]
        folder = self.folders()[name]
        config = _config_in(folder / "model.keras")["config"]
        return {"folder": folder, **{key: config[key] for key in _SHOWN if key in config}}

    def __iter__(self) -> Iterator[str]:
        return iter([*self.sizes, *self.folders()])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def folders(self) -> dict[str, Path]:
        """Returns the folders of the trained models by name."""
        named: dict[str, Path] = {}
        sized: dict[str, Path] = {}
        for path in sorted(shipped_models().glob("*/model.keras")):
            config = _config_in(path)
            if config["class_name"] == self.kind:
                folder = named[path.parent.name] = path.parent
                for size, arguments in self.sizes.items():
                    fits = arguments.items() <= config["config"].items()
                    if fits and not folder.name.endswith(f"_{size}"):
                        sized[f"{folder.name}_{size}"] = folder
        return {**named, **{name: sized[name] for name in sized if name not in named}}


def _config_in(path):
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("config.json"))


def from_preset(cls, name: str, overrides: dict):
    """Returns a built network of class `cls` by name; see `HyperRes.from_preset`."""
    if name in cls.presets.sizes:
        model = cls(**{**cls.presets.sizes[name], **overrides})
        model.build()
        return model
    folders = cls.presets.folders()
    if name not in folders:
        sizes, shipped = (", ".join(known) or "none" for known in (cls.presets.sizes, folders))
        raise ValueError(
            f"No preset {name!r}. Untrained sizes: {sizes}. "
            f"Trained models in {shipped_models()}: {shipped}."
        )
    if overrides:
        raise ValueError(f"A trained model takes no further arguments, got {overrides}")
    return keras.models.load_model(folders[name] / "model.keras")


def load(kind: Any, name: str) -> Any:
    """Loads a network by the name that a command takes.

    Args:
        kind: `HyperRes`, `LevelEstimator`, or a tuple of both.
        name: See `file_of`.

    Raises:
        WrongArgumentError: If no such network exists, or it is of another class.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    path = file_of(name, *kinds)
    try:
        model = keras.models.load_model(path)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise WrongArgumentError(f"{path} cannot be loaded as a Keras model: {reason}") from error
    if not isinstance(model, kinds):
        expected = " or a ".join(one.__name__ for one in kinds)
        raise WrongArgumentError(f"expected a {expected}, got a {type(model).__name__} in {path}")
    return model


def file_of(name: str, *kinds: Any) -> Path:
    """Returns the ``model.keras`` of a network by the name that a command takes.

    Args:
        name: A ``.keras`` file, a folder with a ``model.keras``, or the name of a shipped model.
        *kinds: `HyperRes`, `LevelEstimator` or both, whose shipped models have names.

    Raises:
        WrongArgumentError: If no such file exists.
    """
    path = Path(name)
    if path.is_dir():
        path = path / "model.keras"
    if path.is_file():
        return path
    shipped = {key: folder for kind in kinds for key, folder in kind.presets.folders().items()}
    if name not in shipped:
        raise WrongArgumentError(
            f"expected a model.keras, no such file: {name} (shipped models: "
            f"{', '.join(shipped) or 'none'}; python train.py --task TASK trains one)"
        )
    return shipped[name] / "model.keras"
