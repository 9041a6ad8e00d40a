"""One picture of any kind in, the same kind out."""

import math
import warnings
import weakref
from collections.abc import Callable

import keras
import numpy as np

from keras_hyper.image_size import tiles
from keras_hyper.models import HyperRes

# BT.601, full range: the luma that the gray benchmarks are made with.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


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
            the picture is one that is already enlarged, by this factor.
        model: The network; its precision is what it computes in (see `HyperRes.with_precision`).
        tile: Pixels that a tile adds in each direction, even.
        on_tile: Called with the tiles done and their number.

    Returns:
        A picture of the same shape and type.

    Raises:
        ValueError: If picture or level is of another kind; the text says what came.
    """
    pixels, alpha = _split(_checked_picture(picture))
    levels = _checked_level(level, picture.shape[:2], model)
    if tile < 2 or tile % 2:
        raise ValueError(f"`tile` must be even and at least 2. Received: tile={tile}")
    restored = np.empty_like(pixels)
    windows = [
        (row, column)
        for row in tiles(pixels.shape[0], tile, model.halo)
        for column in tiles(pixels.shape[1], tile, model.halo)
    ]
    for done, (row, column) in enumerate(windows, 1):
        here = levels if levels.ndim == 0 else levels[row[0], column[0]]
        result = _restore_tile(pixels[row[0], column[0]], here, model)
        restored[row[1], column[1]] = _like(result[row[2], column[2]], pixels.dtype)
        on_tile(done, len(windows))
    if alpha is not None:
        restored = np.concatenate([restored, alpha], axis=-1)
    return restored.reshape(picture.shape)


def _checked_picture(picture):
    picture = np.asarray(picture)
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 2, 3, 4)):
        raise ValueError(
            "A picture of shape (height, width) or (height, width, 1 to 4) was wanted. "
            f"Received: {picture.shape}"
        )
    if picture.size == 0:
        raise ValueError(f"A picture with pixels was wanted. Received: shape {picture.shape}")
    if picture.dtype in (np.uint8, np.uint16):
        return picture
    if not np.issubdtype(picture.dtype, np.floating):
        raise ValueError(f"uint8, uint16 or float pixels were wanted. Received: {picture.dtype}")
    low, high = float(picture.min()), float(picture.max())
    # A little beyond is what filters and interpolation leave; a 0-255 float picture is not.
    if not (low >= -0.5 and high <= 1.5):
        raise ValueError(f"Float pixels in [0, 1] were wanted. Received: {low:g} to {high:g}")
    return picture


def _checked_level(level, shape, model):
    level = np.asarray(level, np.float32)
    if level.ndim != 0 and level.shape != shape:
        raise ValueError(
            f"A level is one number or a map of the picture's shape {shape}. "
            f"Received: shape {level.shape}"
        )
    low, high = float(level.min()), float(level.max())
    if not (math.isfinite(low) and math.isfinite(high) and low >= 0):
        raise ValueError(f"A level is finite and not negative. Received: {low:g} to {high:g}")
    if low < model.level_range[0] or high > model.level_range[1]:
        warnings.warn(
            f"level {low:g}{f' to {high:g}' if high > low else ''} is outside the range trained "
            f"on, {model.level_range[0]:g} to {model.level_range[1]:g} ({model.unit})",
            stacklevel=3,
        )
    return level


def _split(picture):
    """Returns ``(height, width, 1 | 3)`` and alpha ``(height, width, 1)`` or None."""
    pixels = picture.reshape(*picture.shape[:2], -1)
    if pixels.shape[-1] in (2, 4):
        return pixels[..., :-1], pixels[..., -1:]
    return pixels, None


def _restore_tile(pixels, level, model):
    image = _to_float(pixels)
    colours = image.shape[-1]
    if colours == model.channels:
        return _run(model, image, level)
    if colours == 1:
        return (_run(model, np.repeat(image, 3, axis=-1), level) @ _LUMA)[..., None]
    # Adding one number to all three colours changes the luma and leaves the chroma.
    luma = (image @ _LUMA)[..., None]
    return image + (_run(model, luma, level) - luma)


def _run(model, image, level):
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


def _to_float(pixels):
    if np.issubdtype(pixels.dtype, np.floating):
        return np.clip(pixels, 0.0, 1.0).astype(np.float32)
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def _like(image, dtype):
    image = np.clip(image, 0.0, 1.0)
    if np.issubdtype(dtype, np.floating):
        return image.astype(dtype)
    return np.rint(image * np.float32(np.iinfo(dtype).max)).astype(dtype)
