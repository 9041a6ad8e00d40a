"""Gray pictures get a network of their own, where one ships."""

from typing import Any

import numpy as np

from keras_hyper.restoration.kinds import checked_picture, split_alpha
from keras_hyper.restoration.restorer import OnTile, Restorer, open_restorer
from pipelines import TASKS


class ColourAndGrayRestorer(Restorer):
    """Two networks of one task: gray pictures go through the second.

    A colour network sees a gray picture as three equal channels, in which noise looks weaker than
    it is by a factor of sqrt(3), and JPEG artefacts look unlike those of colour.

    Args:
        colour: For colour, and for levels that `gray` was not trained on.
        gray: Of one channel.
    """

    def __init__(self, colour: Restorer, gray: Restorer):
        super().__init__(colour.name, colour.channels, colour.facts)
        self.colour, self.gray = colour, gray
        self.multiple = max(colour.multiple, gray.multiple)
        self.concurrency = min(colour.concurrency, gray.concurrency)

    @property
    def identity(self) -> str:
        """See `Restorer`."""
        return f"{self.colour.identity}, gray {self.gray.identity}"

    def restore(
        self,
        picture: np.ndarray,
        level: float | np.ndarray,
        *,
        tile: int = 512,
        on_tile: OnTile = lambda done, count: None,
    ) -> np.ndarray:
        """See `Restorer`; a picture with equal channels is gray and stays so."""
        pixels, alpha = split_alpha(checked_picture(picture))
        first = pixels[..., :1]
        low, high = self.gray.level_range
        trained = low <= np.min(level) and np.max(level) <= high
        if not (trained and (pixels == first).all()):
            return self.colour.restore(picture, level, tile=tile, on_tile=on_tile)
        restored = self.gray.restore(first, level, tile=tile, on_tile=on_tile)
        restored = np.broadcast_to(restored, pixels.shape)
        parts = [restored] if alpha is None else [restored, alpha]
        return np.concatenate(parts, axis=-1).reshape(picture.shape)

    def is_fatal(self, error: Exception) -> bool:
        """See `Restorer`."""
        return self.colour.is_fatal(error) or self.gray.is_fatal(error)

    def close(self) -> None:
        """See `Restorer`."""
        self.colour.close()
        self.gray.close()


def open_networks(
    task: str, model: str | None = None, precision: str = "float32", engine: str = "tensorflow"
) -> Restorer:
    """Opens a model, by default what ships for a task: with a network for gray if there is one.

    Args:
        task: Name of the task.
        model: See `open_restorer`; None for what ships.
        precision: See `open_restorer`.
        engine: See `open_restorer`.

    Raises:
        WrongArgumentError: If no such model exists, or it is for another task.
    """
    restorer = open_restorer(model or task, task, precision, engine)
    gray = TASKS[task].gray_preset
    if model or not gray:
        return restorer
    return ColourAndGrayRestorer(restorer, open_restorer(gray, task, precision, engine))


def open_served(server: str, task: str, model: str | None = None, **options: Any) -> Restorer:
    """Opens a model on a server, by default that of a task: with that for gray if it is served.

    Args:
        server: ``HOST:PORT``.
        task: Name of the task.
        model: Its name on the server; None for that of the task.
        **options: Of `keras_hyper.serving.client.Client`.

    Raises:
        WrongArgumentError: If the model is for another task, or an option is wrong.
        CallError: If the server refused the request or could not be reached.
    """
    restorer = open_restorer(f"{server}/{model or task}", task, **options)
    gray = TASKS[task].gray_preset
    if model or not gray:
        return restorer
    # Imported here: restoration without a server does not need the client's packages.
    from keras_hyper.serving.client import CallError

    try:
        of_gray = open_restorer(f"{server}/{gray}", task, **options)
    except CallError as error:
        if error.code.name == "NOT_FOUND":
            return restorer
        restorer.close()
        raise
    return ColourAndGrayRestorer(restorer, of_gray)
