"""Anything that restores: a Keras network, a SavedModel, a server, opened by name."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from keras_hyper.errors import WrongArgumentError
from keras_hyper.restoration.artifacts import (
    hash_files,
    read_card,
    saved_model_folder,
    training_facts,
)
from keras_hyper.restoration.tiles import restore_in_tiles

OnTile = Callable[[int, int], None]
_SERVER = re.compile(
    r"(?:grpc://)?(?P<address>[\w.-]+:\d+|\[[0-9a-fA-F:]+\]:\d+)(?:/(?P<model>.+))?"
)
# Tile size of benchmarks: their pictures stay whole, photographs keep within memory.
_BENCHMARK_TILE = 1024


class Restorer:
    """Restores pictures at a level.

    Attributes:
        name: As the user named it.
        task: Name of its task; empty if unknown.
        unit: What a level of 1 means, in words.
        channels: 1 for gray, 3 for RGB.
        levels: Levels trained on; empty if they were a range, or unknown.
        level_range: Lowest and highest level trained on.
        only_level: The level of an export of one level, else None.
        halo: Margin in pixels that determines an output pixel.
        multiple: Tiles begin at multiples of this.
        identity: Hash of all that the results depend on; None if that cannot be known.
        facts: Further facts, as in the card of an export.
        model: The Keras network, if it is one.
        concurrency: How many pictures may be restored at once.
    """

    model: Any = None
    concurrency = 1

    def __init__(self, name: str, channels: int, card: dict[str, Any]):
        self.name, self.channels, self.facts = name, channels, card
        self.task: str = card.get("task", "")
        self.unit: str = card.get("unit", "")
        self.levels = tuple(card.get("levels_trained_on", ()))
        self.level_range = tuple(card.get("level_range", (0.0, float("inf"))))
        self.only_level: float | None = card.get("only_level")
        self.halo: int = card.get("halo", 0)
        self.multiple: int = card.get("multiple", 2)

    @property
    def identity(self) -> str | None:
        """See above."""
        return None

    def restore(
        self,
        picture: np.ndarray,
        level: float | np.ndarray,
        *,
        tile: int = 512,
        on_tile: OnTile = lambda done, count: None,
    ) -> np.ndarray:
        """Restores a picture of any kind; see `keras_hyper.restore`."""
        raise NotImplementedError  # pragma: no cover - each kind of restorer has its own

    def restore_unclipped(self, image: np.ndarray, level: float) -> np.ndarray:
        """Restores an image whose noise may leave [0, 1], as one whole.

        Args:
            image: float32 ``(height, width, channels)``.
            level: In the task's unit.

        Returns:
            float32 of the image's shape.

        Raises:
            WrongArgumentError: If the restorer takes images in [0, 1] alone.
        """
        raise WrongArgumentError(
            f"noise that is not clipped leaves [0, 1], which {self.name} does not take: expected a "
            "model file for this protocol"
        )

    def restore_image(self, image: np.ndarray, level: float) -> np.ndarray:
        """Restores an image of a benchmark, float32 ``(height, width, channels)``."""
        if image.min() >= 0 and image.max() <= 1:
            return self.restore(image, level, tile=_BENCHMARK_TILE)
        return self.restore_unclipped(image, level)

    def is_fatal(self, error: Exception) -> bool:
        """Whether an error would occur with every other picture too."""
        return False

    def close(self) -> None:
        """Ends connections; calls under way fail."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class NetworkRestorer(Restorer):
    """A `HyperRes` in this process.

    Args:
        name: As the user named it.
        model: The network; it computes in its own precision.
        card: Facts of its training, from the export beside it.
    """

    def __init__(self, name: str, model: Any, card: dict[str, Any] | None = None):
        from keras_hyper.export.card import card_of

        super().__init__(name, model.channels, {**card_of(model), **(card or {})})
        self.model = model
        self._whole: Callable | None = None

    @property
    def identity(self) -> str:
        """See `Restorer`: the hash of configuration and weights."""
        config = {key: value for key, value in self.model.get_config().items() if key != "name"}
        digest = hashlib.sha256(json.dumps(config, default=str, sort_keys=True).encode())
        for weight in self.model.get_weights():
            digest.update(np.asarray(weight).tobytes())
        return digest.hexdigest()[:32]

    def restore(self, picture, level, *, tile=512, on_tile=lambda done, count: None):
        """See `Restorer`."""
        from keras_hyper.restoration.picture import restore

        return restore(picture, level, self.model, tile=tile, on_tile=on_tile)

    def restore_unclipped(self, image, level):
        """See `Restorer`."""
        import keras

        if self._whole is None:
            self._whole = _whole_graph(self.model)
        return keras.ops.convert_to_numpy(self._whole(image[None], np.float32(level)))[0]


class SavedModelRestorer(Restorer):
    """A SavedModel in the session that TF-Serving would run it in.

    Args:
        name: As the user named it.
        version: The folder of ``saved_model.pb``.

    Raises:
        WrongArgumentError: If its signature ``serving_default`` takes no image.
    """

    def __init__(self, name: str, version: Path):
        from keras_hyper.export.session import ServingSession

        try:
            self._session = ServingSession(version)
            self._inputs = self._session.signatures["serving_default"].inputs
            channels = self._inputs["image"].tensor_shape.dim[3].size
        except (OSError, KeyError, IndexError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise WrongArgumentError(
                f"expected a SavedModel whose signature `serving_default` takes an `image`, got "
                f"{version}: {reason}"
            ) from error
        super().__init__(name, channels, read_card(version))
        self._version = version

    @property
    def identity(self) -> str:
        """See `Restorer`: the hash of all files."""
        return hash_files(sorted(path for path in self._version.rglob("*") if path.is_file()))

    def restore(self, picture, level, *, tile=512, on_tile=lambda done, count: None):
        """See `Restorer`."""
        if not self.halo:  # a model of somebody else's, whose margin is unknown: as one whole
            tile = -(-max(np.shape(picture)[:2]) // self.multiple) * self.multiple
        return restore_in_tiles(picture, level, self, self._run, tile=tile, on_tile=on_tile)

    def restore_unclipped(self, image, level):
        """See `Restorer`."""
        return self._run(image, np.float32(level))

    def _run(self, image, level):
        values = {"image": image[None].astype(np.float32)}
        if "level" in self._inputs:
            if np.ndim(level):
                raise ValueError(f"expected one level for the SavedModel {self.name}, got a map")
            values["level"] = np.array([level], np.float32)
        return self._session.predict("serving_default", values)["restored"][0]


class ServerRestorer(Restorer):
    """A model on a server that speaks TF-Serving's API.

    Args:
        name: As the user named it.
        address: ``HOST:PORT``.
        model: Name of the model there.
        **options: Further arguments of `keras_hyper.serving.client.Client`.

    Raises:
        WrongArgumentError: If the client's packages are missing, or an option is wrong.
    """

    def __init__(self, name: str, address: str, model: str, **options: Any):
        try:
            from keras_hyper.serving.client import CallError, Client
        except ModuleNotFoundError as error:
            raise WrongArgumentError(
                f"{name} is the address of a server, which needs the client: "
                f"pip install '.[serving]' ({error})"
            ) from error
        try:
            self._client = Client(address, model, **options)
        except ValueError as error:
            raise WrongArgumentError(str(error)) from error
        self._call_error = CallError
        served = self._client.served_model()
        card = {**served.card, "level_range": served.level_range}
        super().__init__(name, served.channels, card)
        self._takes_level = served.takes_level
        self.concurrency = options.get("concurrency", 4)

    def restore(self, picture, level, *, tile=512, on_tile=lambda done, count: None):
        """See `Restorer`."""
        level = level if self._takes_level else None
        return self._client.restore(picture, level, tile=tile, on_tile=on_tile)

    def is_fatal(self, error: Exception) -> bool:
        """See `Restorer`: refusals of one request concern one picture."""
        return isinstance(error, self._call_error) and not error.request_specific

    def close(self) -> None:
        """See `Restorer`."""
        self._client.close()


def open_restorer(
    name: str, task: str | None = None, precision: str = "float32", **client_options: Any
) -> Restorer:
    """Opens what a user names as a model.

    Args:
        name: A ``.keras`` file, a folder with a ``model.keras``, the name of a model that ships, a
            SavedModel's folder or one of numbered versions (the newest is taken), or a server's
            address ``HOST:PORT[/MODEL]``.
        task: Name of the task, which is also a model's name on a server where none is given; None
            takes whatever the model is for.
        precision: Of the layers of a Keras network: see `HyperRes.with_precision`.
        **client_options: For a server: see `keras_hyper.serving.client.Client`.

    Raises:
        WrongArgumentError: If no such model exists, or it is for another task.
    """
    path, server = Path(name), _SERVER.fullmatch(name)
    version = saved_model_folder(path)
    restorer: Restorer
    if version is not None:
        restorer = SavedModelRestorer(name, version)
    elif server and not path.exists():
        model = server["model"] or task or ""
        restorer = ServerRestorer(name, server["address"], model, **client_options)
    else:
        from keras_hyper.models.load import load_hyper_res

        network = load_hyper_res(name).with_precision(precision)
        restorer = NetworkRestorer(name, network, training_facts(path))
    # A converted network may not know its task.
    if task and restorer.task and restorer.task != task:
        raise WrongArgumentError(f"expected a model for {task}, got one for {restorer.task}")
    return restorer


def _whole_graph(model):
    import keras

    def run(image, level):
        return model({"image": image, "level": level})

    if keras.backend.backend() != "tensorflow":
        return run
    import tensorflow as tf

    image = tf.TensorSpec((1, None, None, model.channels), tf.float32)
    return tf.function(run, input_signature=[image, tf.TensorSpec((), tf.float32)])
