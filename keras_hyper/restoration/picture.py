"""Restoration of a picture of any kind by a Keras network."""

import functools
import weakref
from collections.abc import Callable

import keras
import numpy as np

from keras_hyper.models import HyperRes
from keras_hyper.restoration.tiles import restore_in_tiles


def restore(
    picture: np.ndarray,
    level: float | np.ndarray,
    model: HyperRes,
    *,
    tile: int = 512,
    on_tile: Callable[[int, int], None] = lambda done, count: None,
) -> np.ndarray:
    """Restores a picture, in tiles that equal the whole.

    Args:
        picture: ``(height, width)``, ``(height, width, 1 | 3)``, or with alpha ``(..., 2 | 4)``;
            uint8, uint16, or float in [0, 1]. Gray goes through a colour network as three equal
            channels; of colour a gray network restores the luma. Alpha is kept as it is.
        level: In the task's unit; one number, or a map ``(height, width)``. For super-resolution
            the picture is already enlarged, by this factor.
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


def run_network(model: HyperRes, image: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Runs a network on one image, compiled once for all sizes; nothing is clipped.

    Args:
        model: The network.
        image: float32 ``(height, width, channels)``.
        level: In the task's unit; float32 ``()`` or ``(height, width)``.

    Returns:
        float32 of the image's shape.
    """
    level = level[None] if level.ndim else level
    restored = _compiled(model, level.ndim)(image[None], level)
    return np.asarray(keras.ops.convert_to_numpy(restored))[0]


# model: {rank of the level: graph}, for as long as the model is used.
_graphs: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def _compiled(model, rank):
    """The network as one graph for all sizes, for a number or for a map of levels."""
    graphs = _graphs.setdefault(model, {})
    if rank not in graphs:
        graphs[rank] = _graph(weakref.ref(model), model.channels, rank)
    return graphs[rank]


def _graph(model, channels, rank):
    # Through a weak reference: a graph that held its model would keep its own key alive.
    def run(image, level):
        return model()({"image": image, "level": level})

    if keras.backend.backend() != "tensorflow":
        return run
    import tensorflow as tf

    image = tf.TensorSpec((1, None, None, channels), tf.float32)
    level = tf.TensorSpec(() if rank == 0 else (1, None, None), tf.float32)
    # Traced once, here: called as a tf.function, a second model would count as a retracing.
    graph = tf.function(run, input_signature=[image, level]).get_concrete_function()
    return lambda image, level: graph(tf.constant(image), tf.constant(level))
