"""Restoring pictures on a server that speaks TF-Serving's API."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from keras_hyper.restoration.kinds import (
    checked_level,
    checked_picture,
    split_alpha,
    through_channels,
    to_float,
    to_type,
)
from keras_hyper.restoration.tiles import windows
from keras_hyper.serving.client.calls import (
    CallError,
    ModelCalls,
    ServedModel,
    retry_on_version_change,
)
from keras_hyper.serving.client.tensors import FLOATS, SWEEP, Form, smallest_form
from pipelines.levels import level_text

OnTile = Callable[[int, int], None]


class Client:
    """Restores pictures with a model of TF-Serving or of `keras-hyper serve`.

    Results equal those of `keras_hyper.restore` with the same network, in tiles too. Threads may
    share a client.

    Args:
        address: ``host:port``. All addresses of a host name are used.
        model: The model's name on the server.
        version: Number of a version; by default the newest.
        label: A version's label instead, such as ``"stable"``.
        compress: Send and receive 8-bit pictures as PNG files instead of raw pixels: fewer bytes,
            more work at both ends.
        halo: Margin in pixels that determines an output pixel, even. The card of an export has it;
            for other models it is required for pictures of more than one tile.
        concurrency: Most calls at a time, over all threads.
        timeout: Seconds that one call (one tile) may take, repetitions included.
        credentials: For TLS, see `keras_hyper.serving.client.tls`.
        options: Further gRPC options of the channel by name.

    Raises:
        ValueError: If an argument is invalid. Nothing is sent yet.

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
        compress: bool = False,
        halo: int | None = None,
        concurrency: int = 4,
        timeout: float = 60.0,
        credentials: grpc.ChannelCredentials | None = None,
        options: dict | None = None,
    ):
        if version is not None and label is not None:
            raise ValueError(f"expected a version or a label, got version={version}, {label=}")
        if halo is not None and (halo < 0 or halo % 2):
            raise ValueError(f"expected an even `halo` of at least 0, got halo={halo}")
        if concurrency < 1:
            raise ValueError(f"expected a `concurrency` of at least 1, got {concurrency}")
        self.compress, self.halo = compress, halo
        self._calls = ModelCalls(address, model, version, label, timeout, credentials, options)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="keras-hyper-client")
        self._served: ServedModel | None = None
        self._lock = threading.Lock()

    def restore(
        self,
        picture: np.ndarray,
        level: float | Sequence[float] | None = None,
        *,
        tile: int = 512,
        on_tile: OnTile = lambda done, count: None,
    ) -> np.ndarray:
        """Restores a picture; a large one in tiles over several calls.

        Args:
            picture: As in `keras_hyper.restore`: ``(height, width)`` or ``(height, width, 1 to
                4)``, uint8, uint16 or float in [0, 1].
            level: In the task's unit, one number for each axis; None for an export of one level.
            tile: Tile size in pixels, even, without the margin.
            on_tile: Called with the number of finished tiles and of all tiles.

        Returns:
            A picture of the same shape and type. One version restores all its tiles.

        Raises:
            ValueError: If picture or level is invalid.
            CallError: If the server refused the request or could not be reached.
        """
        return self._restore(picture, [level], tile, on_tile)[0]

    def sweep(
        self,
        picture: np.ndarray,
        levels: Sequence[Any],
        *,
        tile: int = 512,
        on_tile: OnTile = lambda done, count: None,
    ) -> np.ndarray:
        """Restores one picture at several levels and sends it once.

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
            raise ValueError("expected at least one level, got none")
        if "sweep" not in self.served_model().signatures:
            raise ValueError(
                f"{self._calls.target}: it has no signature `sweep`; call `restore` for each level"
            )
        return self._restore(picture, levels, tile, on_tile, SWEEP)

    def _restore(self, picture, levels, tile, on_tile, form=None):
        """Returns ``(K, *picture.shape)``."""
        picture = checked_picture(picture)
        served = self.served_model()
        pixels, alpha = split_alpha(picture)
        encoded_levels = _encoded_levels(served, levels)
        in_tiles = len(self._windows(served, pixels, tile)) > 1

        def attempt():
            # All tiles name the version that is the newest now.
            now = self.served_model(refresh=in_tiles)
            version = now.version if in_tiles else self._calls.version
            chosen = form or smallest_form(now.signatures, pixels, now.channels, self.compress)

            def predict(image):
                return self._predict(chosen, image, encoded_levels, version)

            def restore_window(window, inside):
                part = pixels[window]
                if chosen not in (FLOATS, SWEEP):
                    restored = predict(part)
                else:
                    floats = through_channels(to_float(part), now.channels, predict)
                    restored = to_type(floats, pixels.dtype)
                return restored[..., inside[0], inside[1], :]

            restored = np.empty((len(levels), *pixels.shape), pixels.dtype)
            self._run_tiles(self._windows(now, pixels, tile), restore_window, restored, on_tile)
            return restored

        restored = retry_on_version_change(attempt)
        if alpha is not None:
            alphas = np.broadcast_to(alpha, (*restored.shape[:-1], 1))
            restored = np.concatenate([restored, alphas], axis=-1)
        return restored.reshape(len(levels), *picture.shape)

    def _windows(self, served, pixels, tile):
        halo = served.halo if self.halo is None else self.halo
        height, width = pixels.shape[:2]
        if halo is None and max(height, width) > tile:
            raise ValueError(
                "expected `halo` for a picture of more than one tile, since the model's card has "
                f"none, got {width}x{height} pixels, tile={tile}"
            )
        return windows(pixels.shape, tile, halo or 0, served.card.get("multiple", 2))

    def _run_tiles(self, rows, restore_window, restored, on_tile):
        """Runs all windows in the pool and writes each result into `restored`."""
        calls = {
            self._pool.submit(restore_window, window, inside): kept for window, kept, inside in rows
        }
        try:
            for done, call in enumerate(as_completed(list(calls)), 1):
                # Popped, so that the result is freed.
                vertical, horizontal = calls.pop(call)
                restored[..., vertical, horizontal, :] = call.result()
                on_tile(done, len(rows))
        finally:
            for call in calls:
                call.cancel()

    def _predict(self, form: Form, pixels, levels, version):
        inputs = {form.input: form.encode(pixels)}
        if levels is not None:
            inputs["level"] = levels
        output = self._calls.predict(form.signature, inputs, version)[form.output]
        restored = form.decode(output)
        if restored.shape[-3:] != pixels.shape:
            raise CallError(
                self._calls.target,
                grpc.StatusCode.UNKNOWN,
                f"{form.signature}: expected shape {pixels.shape}, got {restored.shape}",
            )
        return restored

    def served_model(self, refresh: bool = False) -> ServedModel:
        """Returns the description of the model.

        Args:
            refresh: Ask the server again: the newest version may have changed.

        Raises:
            CallError: If the server refused the request or could not be reached.
            ValueError: If the model does not restore pictures.
        """
        with self._lock:
            if self._served is None or refresh:
                self._served = retry_on_version_change(self._calls.describe)
            return self._served

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Waits until a version of the model is available.

        Raises:
            CallError: If none is available in time, with the server's last text.
        """
        self._calls.wait_until_ready(seconds)

    def close(self) -> None:
        """Closes the connection; running calls fail."""
        self._calls.channel.close()
        # Queued calls start and fail at once. If they were cancelled, `as_completed` would not end.
        self._pool.shutdown()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def tls(
    authority: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> grpc.ChannelCredentials:
    """Returns credentials of a TLS connection.

    Args:
        authority: PEM file of the authorities that certify the server; None for gRPC's own list.
        certificate: PEM file of the client's certificate, if the server requires one.
        key: PEM file of its key.

    Raises:
        ValueError: If only one of certificate and key is given.
        OSError: If a file cannot be read.
    """
    if (certificate is None) != (key is None):
        raise ValueError("expected a client certificate together with its key, got one of them")
    files = (authority, key, certificate)
    return grpc.ssl_channel_credentials(*(path and Path(path).read_bytes() for path in files))


def _encoded_levels(served, levels):
    """Returns levels as float32 ``(K,)`` or ``(K, axes)``; None for an export of one level.

    Raises:
        ValueError: If a level is missing or invalid. A level outside the range trained on causes a
            warning.
    """
    only = served.card.get("only_level")
    if not served.takes_level:
        given = [level for level in levels if level is not None]
        if any(np.ravel(level).tolist() != np.ravel(only).tolist() for level in given):
            known = "one level" if only is None else f"level {level_text(only)}"
            raise ValueError(f"expected {known}, the only one of this export, got {levels}")
        return None
    axes = np.shape(served.level_range)[:-1]
    if any(level is None or (np.ndim(level) and not axes) for level in levels):
        raise ValueError(f"expected a level, one number, got {levels}")
    for level in levels:
        checked_level(level, (), served.level_range, served.card.get("unit", ""))
    return np.array(levels, np.float32)
