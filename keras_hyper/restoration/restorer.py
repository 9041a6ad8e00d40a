"""What restores pictures for a measurement: a network, a SavedModel, or a server."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keras_hyper.errors import WrongArgumentError
from keras_hyper.models.load import load_hyper_res
from keras_hyper.restoration.kinds import through_channels

_SERVER = re.compile(
    r"(?:grpc://)?(?P<address>[\w.-]+:\d+|\[[0-9a-fA-F:]+\]:\d+)(?:/(?P<model>.+))?"
)
# Pixels that a tile adds each way: benchmark pictures stay whole, photographs keep within memory.
_TILE = 1024
# What a card knows of how a network came to be, which the network itself does not.
_OF_TRAINING = ("data", "terms", "command", "training", "validation")


@dataclass(frozen=True)
class Restorer:
    """Anything that restores, and what it says of itself.

    Args:
        name: As the user named it.
        restore: ``(degraded, level) -> restored``, float32 ``(height, width, channels)``; degraded
            pictures of noise that is not clipped leave [0, 1].
        channels: 1 for gray, 3 for RGB.
        task: Name of its task; empty where it does not say.
        levels: Levels trained on; empty where they were a range, or it does not say.
        level_range: Lowest and highest level trained on.
        only_level: The one level of an export that takes none.
        identity: Hash of all that its results depend on; None where that cannot be known.
        facts: Further facts, as in the card of an export.
        model: The Keras network, where it is one.
    """

    name: str
    restore: Callable[[np.ndarray, float], np.ndarray]
    channels: int
    task: str = ""
    levels: tuple[float, ...] = ()
    level_range: tuple[float, float] = (0.0, float("inf"))
    only_level: float | None = None
    identity: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    model: Any = None


def open_restorer(name: str, task: str | None, precision: str = "float32") -> Restorer:
    """Opens what a user names as a model.

    Args:
        name: A ``.keras`` file, a folder with a ``model.keras``, the name of a model that ships, a
            SavedModel's folder or one of numbered versions (the newest is taken), or a server's
            address ``HOST:PORT[/MODEL]``.
        task: Name of the task, which is also a model's name on a server where none is given; None
            takes whatever the model is for.
        precision: Of the layers of a Keras network.

    Raises:
        WrongArgumentError: If there is no such thing, or it is for another task.
    """
    restorer = _open(name, task, precision)
    if task and restorer.task and restorer.task != task:
        raise WrongArgumentError(f"a model for {task} was wanted; this one is for {restorer.task}")
    return restorer


def _open(name, task, precision):
    version = _saved_model(Path(name))
    if version is not None:
        return _of_saved_model(name, version)
    server = _SERVER.fullmatch(name)
    if server and not Path(name).exists():
        return _of_server(name, server["address"], server["model"] or task or "")
    return of_network(name, load_hyper_res(name).with_precision(precision))


def of_network(name: str, model) -> Restorer:
    """Returns a `HyperRes` as a restorer."""
    import keras

    from keras_hyper.evaluation.store import figure_key
    from keras_hyper.export.card import card_of
    from keras_hyper.restoration.picture import restore

    whole: list = []

    def restore_picture(degraded, level):
        if degraded.min() >= 0 and degraded.max() <= 1:
            return restore(degraded, level, model, tile=_TILE)
        # Beyond [0, 1] lies noise that was not clipped; `restore` takes pictures and refuses it.
        whole[:] = whole or [_graph(model)]
        return keras.ops.convert_to_numpy(whole[0](degraded[None], np.float32(level)))[0]

    weights = [np.asarray(weight).tobytes().hex() for weight in model.get_weights()]
    config = json.loads(json.dumps(model.get_config(), default=str))
    config.pop("name", None)
    return Restorer(
        name,
        restore_picture,
        model.channels,
        model.task,
        tuple(model.levels),
        tuple(model.level_range),
        identity=figure_key(config=config, weights=weights),
        facts={**card_of(model), **_card_beside(Path(name))},
        model=model,
    )


def _graph(model):
    import keras

    def run(image, level):
        return model({"image": image, "level": level})

    if keras.backend.backend() != "tensorflow":
        return run
    import tensorflow as tf

    image = tf.TensorSpec((1, None, None, model.channels), tf.float32)
    return tf.function(run, input_signature=[image, tf.TensorSpec((), tf.float32)])


def _card_beside(path):
    """The card of the newest export beside a ``model.keras``: data and figures of its training."""
    from keras_hyper.models import HyperRes

    shipped = HyperRes.presets.folders()
    for folder in (path, path.parent, shipped.get(str(path), path)):
        newest = _newest(folder) if folder.is_dir() else None
        if newest is not None and (folder / "model.keras").exists():
            return {k: v for k, v in _card(newest).items() if k in _OF_TRAINING}
    return {}


def _saved_model(path):
    """The folder of a SavedModel that a path means, or None."""
    if (path / "saved_model.pb").is_file():
        return path
    if not path.is_dir() or (path / "model.keras").exists():
        return None
    return _newest(path)


def _newest(folder):
    versions = [path for path in folder.iterdir() if path.name.isdecimal()]
    newest = max(versions, key=lambda path: int(path.name), default=None)
    return newest if newest and (newest / "saved_model.pb").is_file() else None


def _card(version):
    card = version / "assets.extra" / "card.json"
    return json.loads(card.read_text()) if card.is_file() else {}


def _of_saved_model(name, version):
    from keras_hyper.evaluation.store import file_hash
    from keras_hyper.export.session import ServingSession

    try:
        session = ServingSession(version)
        inputs = session.signatures["serving_default"].inputs
        channels = inputs["image"].tensor_shape.dim[3].size
    except (OSError, KeyError, IndexError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WrongArgumentError(
            f"{version} is no SavedModel that restores pictures, with an input `image` of the "
            f"signature `serving_default`: {reason}"
        ) from error

    def run(image, level):
        values = {"image": image[None].astype(np.float32)}
        if "level" in inputs:
            values["level"] = np.array([level], np.float32)
        return session.predict("serving_default", values)["restored"][0]

    card = _card(version)
    files = sorted(path for path in version.rglob("*") if path.is_file())
    return Restorer(
        name,
        lambda degraded, level: through_channels(degraded, channels, lambda x: run(x, level)),
        channels,
        card.get("task", ""),
        tuple(card.get("levels_trained_on", ())),
        tuple(card.get("level_range", (0.0, float("inf")))),
        card.get("only_level"),
        file_hash(*files),
        card,
    )


def _of_server(name, address, model):
    try:
        from keras_hyper.serving.client import Client
    except ModuleNotFoundError as error:
        raise WrongArgumentError(
            f"{name} is a server's address, for which the client is needed: "
            f"pip install '.[serving]' ({error})"
        ) from error
    client = Client(address, model)
    served = client.served_model()

    def restore_picture(degraded, level):
        if degraded.min() < 0 or degraded.max() > 1:
            raise WrongArgumentError(
                "noise that is not clipped leaves [0, 1], and a server takes pictures within it; "
                "a model file was wanted for this protocol"
            )
        return client.restore(degraded, level if served.takes_level else None, tile=_TILE)

    card = served.card
    return Restorer(
        name,
        restore_picture,
        served.channels,
        card.get("task", ""),
        tuple(card.get("levels_trained_on", ())),
        tuple(served.level_range),
        card.get("only_level"),
        facts=card,
    )
