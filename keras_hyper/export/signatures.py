"""The signatures of a SavedModel, each of which checks its input.

The C++ session does not enforce the shapes of a signature: on some builds an image of rank 3 ends
the server's process. So every check is an operation of the graph, and nothing runs before it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from keras_hyper.export.tiles import restored_in_tiles
from pipelines.levels import level_text
from pipelines.tasks import TASKS

# Pixels may overshoot [0, 1] as in `checked_picture`; those of 0 to 255 are refused.
LOWEST, HIGHEST = -0.5, 1.5
# A header may claim any size: decoding is refused beyond this, before memory is taken for it.
MAX_PIXELS = 100_000_000
# A card is a few kilobytes: more than a batch of them is no question but a burden.
MAX_CARDS = 1024

Restore = Callable[[Any, Any], Any]
Endpoints = dict[str, tuple[Callable[..., dict[str, Any]], Sequence[tf.TensorSpec]]]


def signatures(restore: Restore, network: Any, with_level: bool, card: str) -> Endpoints:
    """Returns the endpoints of an export by name, with their input signatures.

    Args:
        restore: ``(image float32 (batch, height, width, channels), level (batch,)) -> float32``,
            level ``(batch, axes)`` of several axes; it is None in an export of one level.
        network: The `HyperRes`, for its facts and its `sweep`.
        with_level: Whether the endpoints take a level; without, none of them is ``sweep``.
        card: The facts of the export, as JSON.
    """
    channels = network.channels
    made = _Endpoints(restore, network, card)
    level = [tf.TensorSpec(made.level_shape, tf.float32, name="level")] if with_level else []

    def images(batch, dtype):
        return tf.TensorSpec((batch, None, None, channels), dtype, name="image")

    files = tf.TensorSpec((None,), tf.string, name="image_bytes")
    endpoints: Endpoints = {
        "serving_default": (made.serving_default, [images(None, tf.float32), *level]),
        "serving_uint8": (made.serving_uint8, [images(None, tf.uint8), *level]),
        "serving_bytes": (made.serving_bytes, [files, *level]),
        "describe": (made.describe, [tf.TensorSpec((None,), tf.string, name="query")]),
    }
    if with_level:
        endpoints["sweep"] = (made.sweep, [images(1, tf.float32), *level])
    return endpoints


class _Endpoints:
    """The functions of the signatures."""

    def __init__(self, restore, network, card):
        self.restore, self.network, self.card = restore, network, card
        self.channels = network.channels
        self.level_shape = _level_shape(network)

    def serving_default(self, image, level=None):
        image, level = _checked(image, level, self.network)
        return {"restored": restored_floats(self.restore, image, level, self.network)}

    def serving_uint8(self, image, level=None):
        image, level = _checked(image, level, self.network)
        return {"restored": self._restored_bytes(image, level)}

    def _restored_bytes(self, image, level):
        def restore(window, level):
            return _to_bytes(self.restore(tf.cast(window, tf.float32) / 255.0, level))

        return restored_in_tiles(restore, image, level, tf.uint8, self.network)

    def serving_bytes(self, image_bytes, level=None):
        def one(data, level=None):
            image = _decoded(data, self.channels)
            with tf.device(None):  # wherever the server's networks run
                restored = self._restored_bytes(image[None], None if level is None else level[None])
            # PNG has no device but the CPU, and strings cannot be copied to a GPU.
            with tf.device("/CPU:0"):
                return tf.io.encode_png(restored[0])

        image_bytes = tf.ensure_shape(image_bytes, (None,))
        checks = [_check(tf.size(image_bytes) > 0, "`image_bytes` must hold at least one file")]
        if level is not None:
            level = tf.ensure_shape(level, self.level_shape)
            checks += _of_batch(tf.size(image_bytes), level, self.network)
        image_bytes, level = _after(checks, image_bytes, level)
        with tf.device("/CPU:0"):
            if level is None:
                return {"restored_bytes": tf.map_fn(one, image_bytes)}
            pairs = (image_bytes, level)
            files = tf.map_fn(lambda pair: one(*pair), pairs, fn_output_signature=tf.string)
            return {"restored_bytes": files}

    def sweep(self, image, level):
        image, checks = _checked_image(image, (1, None, None, self.channels))
        level = tf.ensure_shape(level, self.level_shape)
        pixels = tf.size(image, tf.int64) // self.channels * tf.shape(level, tf.int64)[0]
        text = ("the restored pictures have", pixels, f"pixels; the limit is {MAX_PIXELS}")
        checks += [
            _check(tf.size(level) > 0, "`level` must hold at least one level"),
            _check(pixels <= MAX_PIXELS, *text),
            *_in_unit(level, self.network),
        ]
        image, level = _after(checks, image, level)
        return {"restored": restored_floats(self.network.sweep, image, level, self.network)}

    def describe(self, query):
        # As many answers as questions, whatever they are: where a server batches, every input and
        # output must have the batch's size, and a signature must have an input.
        query = tf.ensure_shape(query, (None,))
        rows = tf.size(query)
        few = (rows > 0) & (rows <= MAX_CARDS)
        check = _check(few, f"`query` must hold 1 to {MAX_CARDS} questions, not", rows)
        with tf.control_dependencies([check]):
            return {"card": tf.fill((tf.identity(rows),), tf.constant(self.card))}


def _to_bytes(image):
    return tf.cast(tf.round(tf.clip_by_value(image, 0.0, 1.0) * 255.0), tf.uint8)


def restored_floats(restore: Restore, image: Any, level: Any, network: Any) -> Any:
    """Restores checked pictures of any size to float32 in [0, 1]."""

    def clipped(window, level):
        return tf.clip_by_value(restore(window, level), 0.0, 1.0)

    return restored_in_tiles(clipped, image, level, tf.float32, network)


def _checked(image, level, network):
    image, checks = _checked_image(image, (None, None, None, network.channels))
    if level is not None:
        level = tf.ensure_shape(level, _level_shape(network))
        checks += _of_batch(tf.shape(image)[0], level, network)
    return _after(checks, image, level)


def _level_shape(network):
    return (None, len(network.axes)) if network.axes else (None,)


def _checked_image(image, shape):
    # An operation, not a comparison of ranks: the rank is fixed in the signature, so comparing it
    # would be folded to True when the graph is optimised.
    image = tf.ensure_shape(image, shape)
    sides = tf.shape(image)
    checks = [_check(tf.reduce_all(sides > 0), "`image` must not be empty; its shape is", sides)]
    if image.dtype.is_floating:
        finite = tf.reduce_all(tf.math.is_finite(image))
        checks.append(_check(finite, "`image` must be finite everywhere"))
        low, high = tf.reduce_min(image), tf.reduce_max(image)
        text = ("expected float pixels in [0, 1], got", low, "to", high)
        checks.append(_check((low >= LOWEST) & (high <= HIGHEST), *text))
    return image, checks


def _of_batch(images, level, network):
    """Checks of levels that go with as many images."""
    levels = tf.shape(level)[0]
    text = ("images and levels in the batch must be as many:", images, "and", levels)
    return [_check(images == levels, *text), *_in_unit(level, network)]


def _in_unit(level, network):
    """Checks of levels against the bounds of their unit; untrained levels within are valid."""
    finite = tf.reduce_all(tf.math.is_finite(level))
    task = TASKS.get(network.task)
    lowest, highest = (task.minimum, task.maximum) if task else (0.0, float("inf"))
    inside = tf.reduce_all((level >= lowest) & (level <= highest))
    bounds = f"from {level_text(lowest)} to {level_text(highest)}"
    text = f"expected levels ({network.unit}) {bounds}, got"
    return [
        _check(finite, "`level` must be finite, not", level),
        _check(inside | ~finite, text, level),
    ]


def _after(checks, *tensors):
    """Returns the tensors such that using any of them waits for all checks."""
    with tf.control_dependencies(checks):
        return [None if tensor is None else tf.identity(tensor) for tensor in tensors]


def _check(condition, *text):
    return tf.debugging.Assert(condition, list(text))


def _decoded(data, channels):
    """Decodes PNG, JPEG, GIF or BMP to uint8 ``(height, width, channels)``."""
    # Width and height that a PNG's header claims; 0 for other formats. A PNG of a few kilobytes can
    # claim gigapixels. JPEG takes as many bytes as it has blocks.
    long_enough = tf.strings.length(data) >= 24
    start = tf.cond(long_enough, lambda: tf.strings.substr(data, 0, 24), lambda: tf.fill((), ""))
    numbers = tf.cond(
        tf.strings.regex_full_match(start, r"\C\x50\x4E\x47\C*"),
        lambda: tf.cast(tf.io.decode_raw(tf.strings.substr(start, 16, 8), tf.uint8), tf.int64),
        lambda: tf.zeros((8,), tf.int64),
    )
    weights = tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64)
    size = tf.reduce_sum(tf.reshape(numbers, (2, 4)) * weights, axis=1)
    few = size[0] * size[1] <= MAX_PIXELS
    check = _check(few, "the picture claims", size, f"pixels; the limit is {MAX_PIXELS} in all")
    with tf.control_dependencies([check]), tf.device("/CPU:0"):
        image = tf.io.decode_image(tf.identity(data), channels, expand_animations=False)
    return tf.ensure_shape(image, (None, None, channels))


def level_signatures(
    estimate_level: Callable[[Any], Any], restore: Restore, network: Any, min_side: int
) -> Endpoints:
    """Returns the endpoints of an estimator inside an export, with their input signatures.

    Args:
        estimate_level: ``image float32 (batch, height, width, channels) -> level (batch,)``.
        restore: See `signatures`.
        network: See `signatures`.
        min_side: Smallest side of an image whose level can be estimated.

    Returns:
        ``estimate``, image -> level; and ``auto``, image -> restored and level.
    """

    def checked(image):
        image = _checked(image, None, network)[0]
        sides = tf.shape(image)[1:3]
        text = f"expected sides of at least {min_side} pixels to estimate a level, got"
        with tf.control_dependencies([_check(tf.reduce_all(sides >= min_side), text, sides)]):
            return tf.identity(image)

    def estimate(image):
        return {"level": estimate_level(checked(image))}

    def auto(image):
        image = checked(image)
        level = estimate_level(image)
        return {"restored": restored_floats(restore, image, level, network), "level": level}

    inputs = [tf.TensorSpec((None, None, None, network.channels), tf.float32, name="image")]
    return {"estimate": (estimate, inputs), "auto": (auto, inputs)}
