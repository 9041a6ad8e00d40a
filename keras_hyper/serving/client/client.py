"""Restoring pictures on a server that speaks TF-Serving's API."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np

from keras_hyper.serving.client.calls import ModelCalls, while_versions_change
from keras_hyper.serving.client.model import ServedModel
from keras_hyper.serving.client.picture import PictureOnTheWay, levels_for
from keras_hyper.serving.client.retry import CallError


class Client:
    """Restores pictures by a model that TF-Serving, or `keras-hyper serve`, has loaded.

    What comes back equals `keras_hyper.restore` with the same network, in tiles too. Threads may
    share a client.

    Args:
        address: ``host:port``. A name with several addresses is used as all of them.
        model: The model's name there.
        version: Number of a version; by default the newest that is loaded.
        label: A version's label instead, such as ``"stable"``.
        slow_link: Send and receive 8-bit pictures as PNG files instead of raw pixels: fewer bytes,
            more work at both ends.
        halo: How far, in pixels, an output looks. A model that this package exported says so
            itself; of another it must be given for pictures that take more than one tile.
        concurrency: Calls under way at once, over all threads.
        timeout: Seconds that one call (one tile) may take, repetitions included.
        credentials: For TLS; see `keras_hyper.serving.client.channel.tls`.
        options: Further options of the gRPC channel by name.

    Raises:
        ValueError: If an argument makes no sense. Nothing is sent yet.

    Example:
        >>> with Client("localhost:8500", "denoise") as client:  # doctest: +SKIP
        ...     picture = client.restore(picture, level=25)
    """

    def __init__(
        self,
        address: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        slow_link: bool = False,
        halo: int | None = None,
        concurrency: int = 4,
        timeout: float = 60.0,
        credentials: grpc.ChannelCredentials | None = None,
        options: dict | None = None,
    ):
        if version is not None and label is not None:
            raise ValueError(
                f"A version or a label was wanted. Received: version={version}, label={label!r}"
            )
        if halo is not None and (halo < 0 or halo % 2):
            raise ValueError(f"`halo` must be even and not negative. Received: halo={halo}")
        if concurrency < 1:
            raise ValueError(f"`concurrency` must be at least 1. Received: {concurrency}")
        self.slow_link, self.halo = slow_link, halo
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="keras-hyper-client")
        self._calls = ModelCalls(address, model, version, label, timeout, credentials, options)
        self._served: ServedModel | None = None
        self._lock = threading.Lock()

    def restore(
        self,
        picture: np.ndarray,
        level: float | None = None,
        *,
        tile: int = 512,
        on_tile: Callable[[int, int], None] = lambda done, count: None,
    ) -> np.ndarray:
        """Restores a picture, in tiles over many calls where it is large.

        Args:
            picture: Whatever `keras_hyper.restore` takes: ``(height, width)`` or ``(height, width,
                1 to 4)``, uint8, uint16 or float in [0, 1].
            level: In the task's unit; None for an export of one level.
            tile: Pixels that a tile adds in each direction, even.
            on_tile: Called with the tiles done and their number.

        Returns:
            A picture of the same shape and type. All its tiles are by one version.

        Raises:
            ValueError: If picture or level is of another kind; the text says what came.
            CallError: If the server refused or could not be reached; with its code and text.
        """
        return self._restore(self._on_the_way(picture, tile), [level], on_tile)

    def sweep(
        self,
        picture: np.ndarray,
        levels: Sequence[float],
        *,
        tile: int = 512,
        on_tile: Callable[[int, int], None] = lambda done, count: None,
    ) -> np.ndarray:
        """Restores one picture at several levels; it travels once.

        Args:
            picture: As in `restore`.
            levels: K levels in the task's unit.
            tile: As in `restore`.
            on_tile: As in `restore`.

        Returns:
            ``(K, *picture.shape)``, of the picture's type.

        Raises:
            ValueError: As `restore`, or if the model has no signature ``sweep``.
            CallError: As `restore`.
        """
        if not len(levels):
            raise ValueError("at least one level was wanted. Received: none")
        if "sweep" not in self.served_model().signatures:
            raise ValueError(
                f"{self._calls.who}: it has no signature `sweep`; `restore` level by level"
            )
        return self._restore(self._on_the_way(picture, tile, len(levels)), levels, on_tile)

    def _on_the_way(self, picture, tile, levels=0):
        return PictureOnTheWay(
            picture, tile=tile, halo=self.halo, slow_link=self.slow_link, levels=levels
        )

    def _restore(self, picture, levels, on_tile):
        served = self.served_model()
        levels = levels_for(served, levels)
        many = len(picture.windows(served)) > 1

        def once():
            # The newest now, by its number: what comes meanwhile has no part in this picture.
            now = self.served_model(again=many)
            version = now.version if many else self._calls.version
            return picture.restored(
                now,
                lambda form, pixels: self._restored_window(form, pixels, levels, version),
                self._pool,
                on_tile,
            )

        return while_versions_change(once)

    def _restored_window(self, form, pixels, levels, version):
        inputs = {form.takes: form.to_wire(pixels)}
        if levels is not None:
            inputs["level"] = levels
        answer = self._calls.predict(form.signature, inputs, version)
        restored = form.from_wire(answer[form.gives])
        if restored.shape[-3:] != pixels.shape:
            raise CallError(
                self._calls.who,
                grpc.StatusCode.UNKNOWN,
                f"{form.signature} answered shape {restored.shape} to {pixels.shape}",
            )
        return restored

    def served_model(self, again: bool = False) -> ServedModel:
        """Returns what the server says of the model.

        Args:
            again: Ask even if it was asked before: the version may be another now.

        Raises:
            CallError: If there is no such model, or no answer.
            ValueError: If the model restores no pictures.
        """
        with self._lock:
            if self._served is None or again:
                self._served = while_versions_change(self._calls.describe)
            return self._served

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Waits until a version of the model is available.

        Raises:
            CallError: If none was in time; the text is the last that the server said.
        """
        self._calls.wait_until_ready(seconds)

    def close(self) -> None:
        """Ends the connection; calls under way fail."""
        self._calls.channel.close()
        # Calls that wait are begun and fail at once; cancelled, they would be waited for for ever.
        self._pool.shutdown()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
