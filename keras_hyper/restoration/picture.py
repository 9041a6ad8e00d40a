"""Restoration of a picture of any kind, and estimation of its level, by a Keras network."""

import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from keras_hyper.restoration.kinds import checked_picture, split_alpha, to_float
from keras_hyper.restoration.tiles import restore_in_tiles

if TYPE_CHECKING:
    from keras_hyper.models import HyperRes, LevelEstimator
    from keras_hyper.restoration.engines import OnnxEstimator


def restore(
    picture: np.ndarray,
    level: float | np.ndarray,
    model: "HyperRes",
    *,
    tile: int = 512,
    on_tile: Callable[[int, int], None] = lambda done, count: None,
) -> np.ndarray:
    """Restores a picture, in tiles that equal the whole.

    Args:
        picture: ``(height, width)``, ``(height, width, 1 | 3)``, or with alpha ``(..., 2 | 4)``;
            uint8, uint16, or float in [0, 1]. Gray goes through a colour network as three equal
            channels; of colour a gray network restores the luma. Alpha is kept as it is.
        level: In the task's unit; one number, or a map ``(height, width)``; of several axes
            ``(axes,)`` or ``(height, width, axes)``. For super-resolution the picture is already
            enlarged, by this factor.
        model: The network; it computes in its own precision (see `HyperRes.with_precision`).
        tile: Tile size in pixels without the margin, even.
        on_tile: Called with the tiles done and their number.

    Returns:
        A picture of the same shape and type.

    Raises:
        ValueError: If picture, level or tile is not as above.
    """
    run = functools.partial(run_network, model)
    return restore_in_tiles(picture, level, model, run, tile=tile, on_tile=on_tile)


def run_network(model: "HyperRes", image: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Runs a network on one image, compiled once for all sizes; nothing is clipped.

    Args:
        model: The network.
        image: float32 ``(height, width, channels)``.
        level: In the task's unit; float32, see `restore`.

    Returns:
        float32 of the image's shape.
    """
    a_map = level.ndim > 1
    return run_images(model, image[None], level[None] if a_map else level, a_map)[0]


def run_images(
    model: "HyperRes", images: np.ndarray, level: np.ndarray, of_each: bool
) -> np.ndarray:
    """Runs a network on images of one size; see `run_network`.

    Args:
        model: The network.
        images: float32 ``(batch, height, width, channels)``.
        level: In the task's unit, of all images.
        of_each: Whether `level` has one more axis, the first, with a level or map of each image.
    """
    graphs = _graphs.setdefault(model, {})
    kind = len(images) > 1, of_each, level.ndim
    if kind not in graphs:
        batch = None if len(images) > 1 else 1
        sides = (None, None) if level.ndim > 2 else ()
        shape = (batch, *sides, *level.shape[1 + len(sides) :]) if of_each else level.shape
        graphs[kind] = _graph(weakref.ref(model), (batch, None, None, model.channels), shape)
    return np.asarray(graphs[kind](images, level))


# model: {kind of images and level: graph}, for as long as the model is used.
_graphs: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def _graph(model, images, levels):
    """Returns a network as one graph for images and levels of these shapes."""
    import keras

    # Through a weak reference: a graph that held its model would keep its own key alive.
    def run(image, level):
        return model()({"image": image, "level": level})

    if keras.backend.backend() != "tensorflow":
        return run
    import tensorflow as tf

    image = tf.TensorSpec(images, tf.float32)
    level = tf.TensorSpec(levels, tf.float32)
    # Traced once, here: called as a tf.function, a second model would count as a retracing.
    graph = tf.function(run, input_signature=[image, level]).get_concrete_function()
    return lambda image, level: graph(tf.constant(image), tf.constant(level))


def estimate(
    picture: np.ndarray, model: "LevelEstimator | OnnxEstimator", rank: int | None = None
) -> float:
    """Estimates the level of a picture over a grid of crops; see `LevelEstimator.over_grid`.

    Args:
        picture: ``(height, width)`` or ``(height, width, 1 to 4)``, sides of 16 and up; uint8,
            uint16, or float in [0, 1]. Alpha is ignored. A colour network takes gray as three
            equal channels; a gray network takes the channels of colour one by one.
        model: The network.
        rank: Which of the crops counts; see `LevelEstimator.over_grid`.

    Returns:
        The level in the network's unit, at least 0; of noise the standard deviation on the 0-255
        scale for every type. Deterministic.

    Raises:
        ValueError: If the picture is of another shape, type or range, or too small.
    """
    pixels, _ = split_alpha(checked_picture(picture))
    if min(pixels.shape[:2]) < model.min_side:
        raise ValueError(
            f"expected a picture of at least {model.min_side}x{model.min_side} pixels to estimate "
            f"a level, got {pixels.shape[1]}x{pixels.shape[0]}"
        )
    image = to_float(pixels)
    if model.channels == 3:
        batch = np.broadcast_to(image, (*image.shape[:2], 3))[None]
    else:
        batch = np.moveaxis(image, -1, 0)[..., None]
    return float(np.mean(np.asarray(model.over_grid(batch, rank))))
