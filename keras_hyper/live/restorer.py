"""Restores views and whole pictures for the page, and keeps what the slider does not change."""

import collections
import math
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from keras_hyper.live.pictures import OpenPicture, level_map
from keras_hyper.live.task import LiveTask
from keras_hyper.live.view import expand, shrink, times
from keras_hyper.metrics import psnr
from keras_hyper.models import HyperRes
from keras_hyper.models.trunk import pad_to_multiple
from keras_hyper.restoration.kinds import split_alpha, through_channels, to_float, to_type
from keras_hyper.restoration.restorer import Restorer

# Views of more pixels are restored in tiles.
_MAX_UNTILED_PIXELS = 1 << 20
# Of larger images no features are kept: they take 64 bytes a pixel and more.
_MAX_KEPT_PIXELS = 1 << 21
# Margin of a bicubic kernel in pixels.
_BICUBIC_MARGIN = 3
# Enlargement factors are multiples of 1 / 4.
_FACTOR_STEPS = 4


class RequestCancelledError(Exception):
    """The request was cancelled."""


@dataclass(frozen=True)
class Request:
    """A restoration that the page asks for.

    Args:
        picture_id: Id of the picture.
        picture: The picture.
        task: The task.
        level: In the task's unit; of several axes a tuple.
        painted: Number of the painting of stronger and weaker regions; 0 for none.
    """

    picture_id: str
    picture: OpenPicture
    task: LiveTask
    level: Any
    painted: int = 0

    @property
    def key(self) -> tuple:
        """Equal for equal restorations only."""
        return self.picture_id, self.task.name, self.level, self.painted

    @property
    def network(self) -> Restorer:
        """The network that restores this picture at this level."""
        return self.task.network(self.picture.gray, self.level)

    @property
    def pixels(self) -> float:
        """Number of pixels of the whole restored picture."""
        height, width = self.picture.file.pixels.shape[:2]
        return height * width * self.task.factor(self.level) ** 2

    def levels(self, view: tuple[slice, slice]) -> Any:
        """Returns the level, or a map of levels if something is painted."""
        if not self.painted:
            return self.level
        (slider,) = self.task.sliders
        ends = slider.ends if slider.rising else slider.ends[::-1]
        height, width = self.picture.file.pixels.shape[:2]
        painting = self.picture.painting(self.painted)
        return level_map(painting, self.level, ends, (height, width), view)


@dataclass(frozen=True)
class View:
    """A restored part of a picture.

    Args:
        pixels: Of the picture's type.
        exact: Whether they equal the saved picture; otherwise a smaller picture was restored.
        before: PSNR of the input in dB over the view; None if the clean picture is unknown.
        after: PSNR of the restored view in dB.
    """

    pixels: np.ndarray
    exact: bool
    before: float | None = None
    after: float | None = None


class LiveNetwork:
    """A network that keeps the features of the newest images and the kernels of the newest levels.

    Args:
        model: The network.
        num_images: How many images' features are kept.
        num_levels: How many levels' kernels are kept.
    """

    def __init__(self, model: HyperRes, num_images: int = 2, num_levels: int = 16):
        def encode(image):
            padded, _ = pad_to_multiple(image, model.multiple)
            # Without features that all levels share, `decode` computes them.
            return padded, model.encode(padded) if model.shares_head else padded

        def decode(image, head, kernels):
            convs = dict(zip(map(id, model.generated_convs), kernels, strict=True))

            def convolve(layer, x, _):
                return layer.convolve(x, *convs[id(layer)]) if id(layer) in convs else layer(x)

            head = head if model.shares_head else model.encode(image, convolve)
            return model.decode(image, head, convolve)

        self.model = model
        self._features, self._kernels = _Cache(num_images), _Cache(num_levels)
        image = tf.TensorSpec((1, None, None, model.channels), tf.float32)
        head = tf.TensorSpec((1, None, None, model.scales[0][1]), model.compute_dtype)
        head = head if model.shares_head else image
        kernels = [
            tuple(tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in pair)
            for pair in model.generated(model.level_offset)
        ]
        # One graph for all sizes and levels.
        self._encode = tf.function(encode, input_signature=[image])
        self._decode = tf.function(decode, input_signature=[image, head, kernels])

    def __call__(self, key: Hashable, image: np.ndarray, level: Any) -> np.ndarray:
        """Restores an image at one level.

        Args:
            key: Equal for equal images only.
            image: float32 ``(height, width, channels)`` in [0, 1].
            level: In the task's unit.

        Returns:
            float32 of the image's shape, as the network itself returns it.
        """
        if any(layer is not None for layer in self.model.block_layers):
            # The level enters elsewhere than in kernels.
            return np.asarray(self.model({"image": image[None], "level": level}))[0]

        def encode():
            return self._encode(tf.constant(image[None]))

        kept = math.prod(image.shape[:2]) <= _MAX_KEPT_PIXELS
        padded, head = self._features(key, encode) if kept else encode()
        kernels = self._kernels(level, lambda: self.model.generated(level))
        restored = self._decode(padded, head, kernels)[0].numpy()
        return restored[: image.shape[0], : image.shape[1]]


class _Cache:
    """The newest results of a function by key."""

    def __init__(self, size):
        self.size = size
        self.results = collections.OrderedDict()

    def __call__(self, key, function):
        if key not in self.results:
            self.results[key] = function()
        self.results.move_to_end(key)
        while len(self.results) > self.size:
            self.results.popitem(last=False)
        return self.results[key]


class ViewRestorer:
    """Restores views, and whole pictures in tiles; the newest of these are kept.

    Args:
        num_pictures: How many whole restored pictures are kept.
    """

    def __init__(self, num_pictures: int = 2):
        self._networks: dict[int, LiveNetwork] = {}
        self._whole = _Cache(num_pictures)
        self._lock = threading.Lock()

    def view(self, request: Request, view: tuple[slice, slice], scale: float) -> View:
        """Restores a part of a picture.

        Args:
            request: The restoration.
            view: Rows and columns of the part.
            scale: Size of the view relative to the picture, at most 1. Below 1 the picture is
                averaged first, unless the whole restored picture is kept.

        Returns:
            The view. At scale 1 it equals that part of the whole restored picture to one level of
            the picture's type. With enlargement this needs a factor in quarters and whole sides.
        """
        whole = self._kept(request.key)
        if whole is not None:
            after = shrink(whole[times(view, request.task.factor(request.level))], scale)
            if scale < 1 or request.picture.clean is None:
                return View(after, exact=True)
            _, inside, pixels = _window(request, view)
            return _measured(request, view, pixels[inside], after)
        if scale < 1:
            return View(self._quick(request, view, scale), exact=False)
        window, inside, pixels = _window(request, view)
        picture = request.picture.file.pixels
        if request.painted or math.prod(pixels.shape[:2]) > _MAX_UNTILED_PIXELS:
            restored = request.network.restore(pixels, request.levels(window))
        else:
            key = request.picture_id, _ends(window), request.task.factor(request.level)
            restored = self._restore(request.network, key, pixels, request.level)
        after = restored[inside]
        if all(side == slice(0, length) for side, length in zip(view, picture.shape, strict=False)):
            self._keep(request.key, after)
        return _measured(request, view, pixels[inside], after)

    def whole(self, request: Request, on_tile: Callable[[int, int], None]) -> np.ndarray:
        """Restores a whole picture, or returns the kept one.

        Args:
            request: The restoration.
            on_tile: Called with the number of tiles done and of all tiles. An exception that it
                raises ends the restoration.

        Returns:
            The pixels, of the picture's type.
        """
        pixels = self._kept(request.key)
        if pixels is None:
            before, task = request.picture.file.pixels, request.task
            levels = request.levels((slice(0, before.shape[0]), slice(0, before.shape[1])))
            if task.enlarge:
                before = task.enlarge(before, request.level)
            pixels = request.network.restore(before, levels, on_tile=on_tile)
            self._keep(request.key, pixels)
        return pixels

    def _keep(self, key, pixels):
        with self._lock:
            self._whole(key, lambda: pixels)

    def _kept(self, key):
        with self._lock:
            return self._whole(key, lambda: None) if key in self._whole.results else None

    def _quick(self, request, view, scale):
        """Restores a smaller picture, at the level that remains after averaging."""
        pixels, task = shrink(request.picture.file.pixels[view], scale), request.task
        if task.enlarge:  # At this size only the enlarged picture itself is visible.
            return pixels
        if request.painted:
            levels = shrink(np.asarray(request.levels(view)), scale)
            return request.network.restore(pixels, task.scaled_level(levels, scale))
        key = request.picture_id, _ends(view), scale
        return self._restore(request.network, key, pixels, task.scaled_level(request.level, scale))

    def _restore(self, restorer, key, pixels, level):
        """Restores pixels of any kind as one tile; a Keras network keeps features."""
        model = restorer.model
        if model is None:
            side = -(-max(pixels.shape[:2]) // restorer.multiple) * restorer.multiple
            return restorer.restore(pixels, level, tile=side)
        network = self._networks.get(id(model)) or LiveNetwork(model)
        self._networks[id(model)] = network
        colours, alpha = split_alpha(pixels)
        result = through_channels(
            to_float(colours), model.channels, lambda image: network(key, image, level)
        )
        restored = to_type(result, pixels.dtype)
        if alpha is not None:
            restored = np.concatenate([restored, alpha], axis=-1)
        return restored.reshape(pixels.shape)


def _measured(request, view, before, after):
    clean, factor = request.picture.clean, request.task.factor(request.level)
    sides = tuple(round(side * factor) for side in request.picture.file.pixels.shape[:2])
    # The sides differ if the picture is enlarged by another factor than it was shrunk by.
    if clean is None or clean.shape[:2] != sides:
        return View(after, exact=True)
    truth = clean[times(view, factor)]
    figures = [
        float(psnr(to_float(truth), to_float(pixels.reshape(truth.shape))))
        for pixels in (before, after)
    ]
    return View(after, True, *figures)


def _window(request, view):
    """The part of the picture that determines a view, the view in it, and its (enlarged) pixels."""
    pixels, task = request.picture.file.pixels, request.task
    halo, multiple = request.network.halo, request.network.multiple
    if not task.enlarge:
        window, inside = expand(view, pixels.shape, halo, multiple)
        return window, inside, pixels[window]
    factor = task.factor(request.level)
    margin = math.ceil(halo / factor) + _BICUBIC_MARGIN
    # The enlarged window starts at a multiple too.
    window, _ = expand(view, pixels.shape, margin, _FACTOR_STEPS * multiple)
    # Both ends are rounded as in the whole picture, then moved to the window.
    rows, columns = (
        slice(side.start - round(first.start * factor), side.stop - round(first.start * factor))
        for side, first in zip(times(view, factor), window, strict=True)
    )
    return window, (rows, columns), task.enlarge(pixels[window], request.level)


def _ends(view):
    return tuple((side.start, side.stop) for side in view)
