"""The Restorer protocol: a Keras network, a SavedModel and a server restore by one method."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.export.card import hash_files, read_card, saved_model_folder, training_facts
from keras_hyper.restoration.batches import Batches
from keras_hyper.restoration.tiles import restore_in_tiles
from pipelines import TASKS

OnTile = Callable[[int, int], None]
_SERVER = re.compile(
    r"(?:grpc://)?(?P<address>[\w.-]+:\d+|\[[0-9a-fA-F:]+\]:\d+)(?:/(?P<model>.+))?"
)
# Tile size of benchmarks: their pictures stay whole, photographs keep within memory.
_BENCHMARK_TILE = 1024
# Four tiles of 512 pixels take about 1 GB.
_GPU_BATCH = 4


class Restorer:
    """Restores pictures at a level. Subclasses define `run`, or `restore` itself.

    Attributes:
        name: As the user named it.
        task: Name of its task; empty if unknown.
        unit: What a level of 1 means, in words.
        channels: 1 for gray, 3 for RGB.
        axes: Names of the axes of several levels; empty for one.
        levels: Levels trained on; empty if they were a range, or unknown.
        level_range: Lowest and highest level trained on, or such a pair for each axis.
        only_level: The level of an export of one level, else None.
        halo: Margin in pixels that determines an output pixel.
        multiple: Tiles begin at multiples of this.
        identity: Hash of all that the results depend on; None if unknown.
        takes_maps: Whether the level may be a map.
        facts: Further facts, as in the card of an export.
        model: The Keras network, if it is one.
        concurrency: How many pictures may be restored at once.
    """

    model: Any = None
    takes_maps = False
    concurrency = 1

    def __init__(self, name: str, channels: int, card: dict[str, Any]):
        self.name, self.channels, self.facts = name, channels, card
        self.task: str = card.get("task", "")
        self.unit: str = card.get("unit", "")
        self.axes = tuple(card.get("axes", ()))
        levels = card.get("levels_trained_on", ())
        self.levels = tuple(tuple(level) if self.axes else level for level in levels)
        self.level_range = tuple(card.get("level_range", (0.0, float("inf"))))
        only = card.get("only_level")
        self.only_level: Any = tuple(only) if self.axes and only is not None else only
        self.halo: int = card.get("halo", 0)
        self.multiple: int = card.get("multiple", 2)

    @property
    def identity(self) -> str | None:
        """See above."""
        return None

    def run(self, image: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Restores one tile: float32 ``(height, width, channels)``, level as in `restore`."""
        raise NotImplementedError

    def restore(
        self,
        picture: np.ndarray,
        level: float | np.ndarray,
        *,
        tile: int = 512,
        on_tile: OnTile = lambda done, count: None,
    ) -> np.ndarray:
        """Restores a picture of any kind, as `keras_hyper.restore` does.

        Args:
            picture: See `keras_hyper.restore`.
            level: In the task's unit; one number, or for a network a map ``(height, width)``; or
                one number for each axis.
            tile: Tile size in pixels without the margin, a multiple of `multiple`. Without a known
                margin a picture is one tile.
            on_tile: Called with the tiles done and their number.

        Raises:
            ValueError: If picture, level or tile is not as above.
        """
        if not self.halo:
            tile = -(-max(np.shape(picture)[:2]) // self.multiple) * self.multiple
        return restore_in_tiles(picture, level, self, self.run, tile=tile, on_tile=on_tile)

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
        return self.run(image, np.asarray(level, np.float32))

    def restore_image(self, image: np.ndarray, level: float) -> np.ndarray:
        """Restores an image of a benchmark, float32 ``(height, width, channels)``."""
        if image.min() >= 0 and image.max() <= 1:
            return self.restore(image, level, tile=_BENCHMARK_TILE)
        return self.restore_unclipped(image, level)

    def is_fatal(self, error: Exception) -> bool:
        """Returns whether an error would occur with every other picture too."""
        return False

    def close(self) -> None:
        """Closes connections; calls under way fail."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class NetworkRestorer(Restorer):
    """A Keras network in this process.

    Args:
        name: As the user named it.
        model: A `HyperRes`; it computes in its own precision.
        card: Facts of its training, from the export beside it.
        batch: Maximum number of images of one size in a run of the network. None: four on a GPU,
            else one.
    """

    def __init__(
        self,
        name: str,
        model: Any,
        card: dict[str, Any] | None = None,
        batch: int | None = None,
    ):
        from keras_hyper.export.card import card_of
        from keras_hyper.models.precision import accelerators

        super().__init__(name, model.channels, {**card_of(model), **(card or {})})
        self.model, self.takes_maps = model, model.takes_maps
        batch = batch or (_GPU_BATCH if accelerators() else 1)
        # Half of the pictures are read or written meanwhile.
        self.concurrency = 2 * batch if batch > 1 else 1
        self._run = Batches(model, batch)

    @property
    def identity(self) -> str:
        """See `Restorer`: the hash of configuration and weights."""
        config = {key: value for key, value in self.model.get_config().items() if key != "name"}
        digest = hashlib.sha256(json.dumps(config, default=str, sort_keys=True).encode())
        for weight in self.model.get_weights():
            digest.update(np.asarray(weight).tobytes())
        return digest.hexdigest()[:32]

    def run(self, image: np.ndarray, level: np.ndarray) -> np.ndarray:
        """See `Restorer`."""
        return self._run(image, level)


class SavedModelRestorer(Restorer):
    """A SavedModel in a session configured as TF-Serving's.

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

    def run(self, image: np.ndarray, level: np.ndarray) -> np.ndarray:
        """See `Restorer`."""
        values = {"image": image[None].astype(np.float32)}
        if "level" in self._inputs:
            if np.ndim(level) > 1:
                raise ValueError(f"expected one level for the SavedModel {self.name}, got a map")
            values["level"] = np.asarray(level, np.float32)[None]
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
                f"the client of server {name} is not installed: pip install '.[serving]' ({error})"
            ) from error
        self._client = checked(lambda: Client(address, model, **options))
        self._call_error = CallError
        served = self._client.served_model()
        card = {**served.card, "level_range": served.level_range}
        super().__init__(name, served.channels, card)
        self._takes_level = served.takes_level
        self.concurrency = options.get("concurrency", 4)

    def restore(
        self,
        picture: np.ndarray,
        level: float | np.ndarray,
        *,
        tile: int = 512,
        on_tile: OnTile = lambda done, count: None,
    ) -> np.ndarray:
        """See `Restorer`; the client makes the tiles."""
        sent = level if self._takes_level else None
        return self._client.restore(picture, sent, tile=tile, on_tile=on_tile)

    def restore_unclipped(self, image: np.ndarray, level: float) -> np.ndarray:
        """See `Restorer`; a server takes images in [0, 1] alone."""
        raise WrongArgumentError(
            f"noise that is not clipped leaves [0, 1], which {self.name} does not take: expected a "
            "model file for this protocol"
        )

    def is_fatal(self, error: Exception) -> bool:
        """See `Restorer`: refusals of one request concern one picture."""
        return isinstance(error, self._call_error) and not error.request_specific

    def close(self) -> None:
        """See `Restorer`."""
        self._client.close()


def open_restorer(
    name: str,
    task: str | None = None,
    precision: str = "float32",
    engine: str = "tensorflow",
    **client_options: Any,
) -> Restorer:
    """Opens a model by name.

    Args:
        name: A ``.keras`` or ``.onnx`` file, a folder with a ``model.keras``, the name of a model
            that ships or of its task, a SavedModel's folder or one of numbered versions (the newest
            is taken), or a server's address ``HOST:PORT[/MODEL]``.
        task: Name of the task, and of the model on a server if `name` has none; None for any.
        precision: Of the layers of a network: see `HyperRes.with_precision` and `OnnxRestorer`.
        engine: What runs a network's file: see `engines.open_onnx`.
        **client_options: For a server: see `keras_hyper.serving.client.Client`.

    Raises:
        WrongArgumentError: If no such model exists, or it is for another task.
    """
    if name in TASKS and not Path(name).exists():
        name = TASKS[name].preset or name
    path, server = Path(name), _SERVER.fullmatch(name)
    version = saved_model_folder(path)
    restorer: Restorer
    if version is not None:
        restorer = SavedModelRestorer(name, version)
    elif server and not path.exists():
        model = server["model"] or task or ""
        restorer = ServerRestorer(name, server["address"], model, **client_options)
    else:
        from keras_hyper.restoration.engines import OnnxRestorer, open_onnx

        chosen = open_onnx(name, engine)
        if chosen:
            restorer = OnnxRestorer(name, *chosen, precision)
        else:
            from keras_hyper.models import load_hyper_res

            network = load_hyper_res(name).with_precision(precision)
            restorer = NetworkRestorer(name, network, training_facts(path))
    # A converted network may have no task.
    if task and restorer.task and restorer.task != task:
        raise WrongArgumentError(f"expected a model for {task}, got one for {restorer.task}")
    return restorer
