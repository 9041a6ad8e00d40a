"""Large pictures inside the graph, tile by tile, with the result of the whole picture."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# Tile size in pixels without the margin. Smaller than `restore_in_tiles` has, for less memory.
TILE = 448


def whole_pixels(halo: int) -> int:
    """Returns the most pixels of all pictures of a request that are restored at once.

    A tile of 512 pixels with its margin, as the client sends, is one of them.
    """
    return (512 + 2 * halo) ** 2


def restored_in_tiles(
    restore: Callable[[Any, Any], Any],
    image: Any,
    level: Any,
    dtype: tf.DType,
    facts: Any,
) -> Any:
    """Restores pictures at once up to `whole_pixels`, beyond it one tile after the other.

    The windows are those of `keras_hyper.restoration.tiles`, so that each pixel sees what it would
    see in the whole picture.

    Args:
        restore: ``(window (b, h, w, channels), level) -> (n, h, w, channels)`` of type `dtype`,
            where n is b, or the number of levels of one picture.
        image: ``(batch, height, width, channels)``.
        level: ``(batch,)``; or ``(levels,)`` for one picture; or None. Of several axes with these
            as a last axis.
        dtype: Type of the result.
        facts: The network: `halo`, the margin in pixels, and `multiple`, at whose multiples windows
            start.

    Returns:
        ``(batch or levels, height, width, channels)``.
    """
    (batch, height, width, _), channels = tf.unstack(tf.shape(image)), image.shape[-1]
    whole = batch * height * width <= whole_pixels(facts.halo)
    size = TILE + 2 * facts.halo

    def count(length):
        return tf.where(whole | (length <= size), 1, 1 + (length - size + TILE - 1) // TILE)

    rows, columns = count(height), count(width)
    # One picture with several levels keeps them together.
    outputs = batch if level is None else tf.maximum(batch, tf.shape(level)[0])
    together = tf.where(whole | (batch == 1), outputs, 1)

    def body(number, result):
        top, bottom, first, last = _cut(number // columns % rows, rows, height, facts)
        left, right, begin, end = _cut(number % columns, columns, width, facts)
        picture = number // (rows * columns)
        window = image[picture : picture + tf.where(whole, batch, 1), top:bottom, left:right]
        levels = None if level is None else level[picture : picture + together]
        part = restore(window, levels)[:, first - top : last - top, begin - left : end - left]
        row, column = tf.range(first, last)[:, None], tf.range(begin, end)
        picture += tf.range(together)[:, None, None]
        pixels = tf.reshape((picture * height + row) * width + column, (-1,))
        part = tf.reshape(part, (-1, channels))
        # In place: other ways to write a part copy the whole picture for each tile.
        return number + 1, tf.raw_ops.InplaceUpdate(x=result, i=pixels, v=part)

    _, result = tf.while_loop(
        lambda number, result: number < tf.where(whole, 1, batch) * rows * columns,
        body,
        (0, tf.zeros((outputs * height * width, channels), dtype)),
        parallel_iterations=1,
    )
    return tf.reshape(result, (outputs, height, width, channels))


def _cut(number, count, length, facts):
    """Returns start and end of a window, and of the part of the output that it determines."""
    halo, size = facts.halo, TILE + 2 * facts.halo
    last = number == count - 1
    start = tf.where(
        last, tf.maximum(0, length - size) // facts.multiple * facts.multiple, number * TILE
    )
    start = tf.where(count == 1, 0, start)
    end = tf.where(last, length, start + size)
    first = tf.where(number == 0, 0, number * TILE + halo)
    return start, end, first, tf.where(last, length, (number + 1) * TILE + halo)
