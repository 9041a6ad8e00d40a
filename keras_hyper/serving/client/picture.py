"""A picture on its way through a server, in tiles over many calls."""

from collections.abc import Callable
from concurrent.futures import Executor, as_completed

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
from keras_hyper.serving.client.forms import BYTES, FILES, SWEEP, Form, cheapest
from keras_hyper.serving.client.model import ServedModel

Predict = Callable[[Form, np.ndarray], np.ndarray]


class PictureOnTheWay:
    """One picture and how it is to travel.

    Args:
        picture: As in `keras_hyper.restore`.
        tile: Pixels that a tile adds in each direction, even.
        halo: How far an output looks, in pixels; None: what the model says.
        slow_link: Whether files travel rather than raw pixels.
        levels: 0 for one result, or K for a sweep of as many.

    Raises:
        ValueError: If the picture is none; the text says what came.
    """

    def __init__(self, picture, *, tile: int, halo: int | None, slow_link: bool, levels: int = 0):
        self.picture = checked_picture(picture)
        self.pixels, self.alpha = split_alpha(self.picture)
        self.tile, self.halo, self.slow_link = tile, halo, slow_link
        self.several = (levels,) if levels else ()

    def windows(self, served: ServedModel):
        """Returns the rows of `keras_hyper.restoration.tiles.windows`.

        Raises:
            ValueError: If it takes several and nobody has said how far the network looks.
        """
        halo = served.halo if self.halo is None else self.halo
        height, width = self.pixels.shape[:2]
        if halo is None and max(height, width) > self.tile:
            raise ValueError(
                "the model does not say how far its network looks, so `halo` must be given for a "
                f"picture beyond one tile. Received: {width}x{height} pixels, tile={self.tile}"
            )
        return windows(self.pixels.shape, self.tile, halo or 0)

    def restored(
        self,
        served: ServedModel,
        predict: Predict,
        pool: Executor,
        on_tile: Callable[[int, int], None],
    ) -> np.ndarray:
        """Sends every window and joins what comes back.

        Args:
            served: The model.
            predict: One call: form and window -> ``(..., height, width, channels)``.
            pool: What runs the calls; it bounds how many are under way.
            on_tile: Called with the tiles done and their number.

        Returns:
            ``(height, width, ...)`` or ``(K, height, width, ...)``.

        Raises:
            CallError: If a call failed; calls not yet begun are then left out.
        """
        rows = self.windows(served)
        restored = np.empty((*self.several, *self.pixels.shape), self.pixels.dtype)
        calls = {
            pool.submit(self._window, served, predict, window, inside): kept
            for window, kept, inside in rows
        }
        try:
            for done, call in enumerate(as_completed(list(calls)), 1):
                # Popped: a result need not stay once it is in its place.
                vertical, horizontal = calls.pop(call)
                restored[..., vertical, horizontal, :] = call.result()
                on_tile(done, len(rows))
        finally:
            for call in calls:
                call.cancel()
        return self._with_alpha(restored)

    def _window(self, served, predict, window, inside):
        pixels = self.pixels[window]
        form = SWEEP if self.several else self._form(served)
        if form in (BYTES, FILES):
            restored = predict(form, pixels)
        else:
            floats = through_channels(
                to_float(pixels), served.channels, lambda image: predict(form, image)
            )
            restored = to_type(floats, pixels.dtype)
        return restored[..., inside[0], inside[1], :]

    def _form(self, served):
        return cheapest(served.signatures, self.pixels, served.channels, self.slow_link)

    def _with_alpha(self, restored):
        if self.alpha is not None:
            alpha = np.broadcast_to(self.alpha, (*restored.shape[:-1], 1))
            restored = np.concatenate([restored, alpha], axis=-1)
        return restored.reshape(*self.several, *self.picture.shape)


def levels_for(served: ServedModel, levels) -> np.ndarray | None:
    """Returns levels as a model takes them: float32 ``(K,)``, or None for an export of one level.

    Raises:
        ValueError: If there is no level, or one that makes no sense; a level outside the range
            trained on gives a warning.
    """
    only = served.card.get("only_level")
    if not served.takes_level:
        if any(level is not None and level != only for level in levels):
            known = "one level" if only is None else f"level {only:g}"
            raise ValueError(f"this export restores {known} alone. Received: {levels}")
        return None
    if any(level is None or np.ndim(level) for level in levels):
        raise ValueError(f"a level was wanted, one number. Received: {levels}")
    for level in levels:
        checked_level(level, (), served.level_range, served.card.get("unit", ""))
    return np.array(levels, np.float32)
