"""What the page asks of a picture: a view of it restored, and the whole of it."""

import collections
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_hyper.live.network import LiveNetwork
from keras_hyper.live.pictures import OpenPicture
from keras_hyper.live.strength import level_map
from keras_hyper.live.task import LiveTask
from keras_hyper.live.view import reduced, times, window_of
from keras_hyper.metrics import psnr
from keras_hyper.restoration.kinds import split_alpha, through_channels, to_float, to_type
from keras_hyper.restoration.picture import restore

# Pixels that are restored in one piece; more go through in tiles.
_AT_ONCE = 1 << 20
# A bicubic kernel looks two pixels around, at a place between two.
_BICUBIC = 3
# Where a picture is enlarged, windows begin where a pixel of the one lies on a pair of the other:
# steps of a quarter need a multiple of 8.
_QUARTERS = 8


class LeftOffError(Exception):
    """Nobody waits for it any more."""


@dataclass(frozen=True)
class Wish:
    """A restoration that the page wants.

    Args:
        word: What the picture is known by.
        picture: The picture.
        task: The task.
        level: In the task's unit.
        painted: Number of the painting that says where more or less is wanted; 0 for none.
    """

    word: str
    picture: OpenPicture
    task: LiveTask
    level: float
    painted: int = 0

    @property
    def key(self) -> tuple:
        """Equal for the same restoration alone."""
        return self.word, self.task.name, self.level, self.painted

    @property
    def pixels(self) -> float:
        """Number of pixels of the whole restored picture."""
        height, width = self.picture.file.pixels.shape[:2]
        return height * width * self.task.factor(self.level) ** 2

    def levels(self, view: tuple[slice, slice]) -> float | np.ndarray:
        """Returns the level, or a map of levels where something is painted."""
        if not self.painted:
            return self.level
        low, high, _ = self.task.slider
        ends = (low, high) if self.task.rising else (high, low)
        height, width = self.picture.file.pixels.shape[:2]
        painting = self.picture.painting(self.painted)
        return level_map(painting, self.level, ends, (height, width), view)


@dataclass(frozen=True)
class View:
    """A part of a picture, restored.

    Args:
        pixels: Of the picture's type.
        exact: Whether they are what is saved, or a quick look at a smaller picture.
        before: PSNR of the picture in dB, where its clean form is known; over the view.
        after: The same of the restored picture.
    """

    pixels: np.ndarray
    exact: bool
    before: float | None = None
    after: float | None = None


class Restoring:
    """Restores views at once and whole pictures in tiles, and remembers the newest of these.

    Args:
        most: How many whole restored pictures are kept.
    """

    def __init__(self, most: int = 2):
        self.most = most
        self._networks: dict[str, LiveNetwork] = {}
        self._whole: collections.OrderedDict[tuple, np.ndarray] = collections.OrderedDict()
        self._lock = threading.Lock()

    def view(self, wish: Wish, view: tuple[slice, slice], scale: float) -> View:
        """Restores a part of a picture.

        Args:
            wish: What is wanted.
            view: Rows and columns of the part.
            scale: Pixels of the view for one of the picture, at most 1; below 1 the picture is
                averaged first, unless the whole restored one is there to be averaged.

        Returns:
            The view: equal to that part of the whole picture restored (to one level of the
            picture's type, and for pictures that are enlarged by a factor of quarters that makes
            their sides whole numbers).
        """
        whole = self._known(wish.key)
        if whole is not None:
            after = reduced(whole[times(view, wish.task.factor(wish.level))], scale)
            if scale < 1 or wish.picture.clean is None:
                return View(after, exact=True)
            _, inside, pixels = _around(wish, view)
            return _scored(wish, view, pixels[inside], after)
        if scale < 1:
            return View(self._quick(wish, view, scale), exact=False)
        return _scored(wish, view, *self._exact(wish, view))

    def whole(self, wish: Wish, on_tile: Callable[[int, int], None]) -> np.ndarray:
        """Restores a whole picture, or takes it from memory.

        Args:
            wish: What is wanted.
            on_tile: Called with the tiles done and their number; what it raises ends the work.

        Returns:
            The pixels, of the picture's type.
        """
        pixels = self._known(wish.key)
        if pixels is None:
            before = wish.picture.file.pixels
            levels = wish.levels(_all_of(before))
            if wish.task.enlarge:
                before = wish.task.enlarge(before, wish.level)
            pixels = restore(before, levels, wish.task.model, on_tile=on_tile)
            with self._lock:
                self._whole[wish.key] = pixels
                while len(self._whole) > self.most:
                    self._whole.popitem(last=False)
        return pixels

    def _known(self, key):
        with self._lock:
            if key in self._whole:
                self._whole.move_to_end(key)
            return self._whole.get(key)

    def _exact(self, wish, view):
        """The view before and after."""
        window, inside, pixels = _around(wish, view)
        before = pixels[inside]
        if wish.painted or math.prod(pixels.shape[:2]) > _AT_ONCE:
            restored = restore(pixels, wish.levels(window), wish.task.model)
        else:
            key = wish.word, _ends(window), wish.task.factor(wish.level)
            restored = self._restored(wish, key, pixels, wish.level)
        return before, restored[inside]

    def _quick(self, wish, view, scale):
        """A smaller picture at the level that its smaller noise has."""
        pixels = reduced(wish.picture.file.pixels[view], scale)
        task = wish.task
        if task.enlarge:
            # There is nothing to see at this size but the enlarged picture itself.
            return pixels
        if wish.painted:
            levels = reduced(np.asarray(wish.levels(view)), scale)
            return restore(pixels, task.reduced(levels, scale), task.model)
        key = wish.word, _ends(view), scale
        return self._restored(wish, key, pixels, task.reduced(wish.level, scale))

    def _restored(self, wish, key, pixels, level):
        """Restores pixels of any kind by the network that remembers their features."""
        model = wish.task.model
        if wish.task.name not in self._networks:
            self._networks[wish.task.name] = LiveNetwork(model)
        network = self._networks[wish.task.name]
        colours, alpha = split_alpha(pixels)
        result = through_channels(
            to_float(colours), model.channels, lambda image: network(key, image, level)
        )
        restored = to_type(result, pixels.dtype)
        if alpha is not None:
            restored = np.concatenate([restored, alpha], axis=-1)
        return restored.reshape(pixels.shape)


def _scored(wish, view, before, after):
    clean, factor = wish.picture.clean, wish.task.factor(wish.level)
    sides = tuple(round(side * factor) for side in wish.picture.file.pixels.shape[:2])
    # Unless it is enlarged by another factor than it was shrunk by.
    if clean is None or clean.shape[:2] != sides:
        return View(after, exact=True)
    truth = clean[times(view, factor)]
    return View(after, True, _psnr(truth, before), _psnr(truth, after))


def _around(wish, view):
    """What a view's restoration looks at, enlarged where it is to be, and the view in it."""
    pixels, task = wish.picture.file.pixels, wish.task
    if not task.enlarge:
        window, inside = window_of(view, pixels.shape, task.model.halo)
        return window, inside, pixels[window]
    factor = task.factor(wish.level)
    reach = math.ceil(task.model.halo / factor) + _BICUBIC
    window, _ = window_of(view, pixels.shape, reach, _QUARTERS)
    # The view's own place less the window's, so that both are rounded as they are in the whole.
    rows, columns = (
        slice(side.start - round(first.start * factor), side.stop - round(first.start * factor))
        for side, first in zip(times(view, factor), window, strict=True)
    )
    return window, (rows, columns), task.enlarge(pixels[window], wish.level)


def _psnr(clean, pixels):
    return float(psnr(to_float(clean), to_float(pixels.reshape(clean.shape))))


def _all_of(pixels):
    return slice(0, pixels.shape[0]), slice(0, pixels.shape[1])


def _ends(view):
    return tuple((side.start, side.stop) for side in view)
