"""A network that remembers what the slider does not change."""

import collections
import math
from typing import Any

import numpy as np
import tensorflow as tf

from keras_hyper.models.padding import pad_to_multiple

# Features take 64 bytes a pixel and more: those of larger images are not kept.
_MOST_PIXELS = 1 << 21


class LiveNetwork:
    """Keeps the head's features of the images it was shown, and the kernels of each level.

    Args:
        model: A `keras_hyper.HyperRes`.
        images: How many images' features are kept.
        levels: How many levels' kernels are kept.
    """

    def __init__(self, model, images: int = 2, levels: int = 16):
        self.model = model
        self._features = _Newest(images)
        self._kernels = _Newest(levels)
        image = tf.TensorSpec((1, None, None, model.channels), tf.float32)
        head = tf.TensorSpec((1, None, None, model.scales[0][1]), model.compute_dtype)
        kernels = [tuple(map(_spec, pair)) for pair in model.generated(0.0)]
        # One graph for all sizes and levels.
        self._encode = tf.function(self._in, input_signature=[image])
        self._decode = tf.function(self._on, input_signature=[image, head, kernels])

    def __call__(self, key: Any, image: np.ndarray, level: float) -> np.ndarray:
        """Restores an image at one level.

        Args:
            key: Equal for the same image alone.
            image: float32 ``(height, width, channels)`` in [0, 1].
            level: In the task's unit.

        Returns:
            float32 of the image's shape, as the network itself returns it.
        """
        keeps = self._features if math.prod(image.shape[:2]) <= _MOST_PIXELS else _forgets
        padded, head = keeps(key, lambda: self._encode(tf.constant(image[None])))
        kernels = self._kernels(level, lambda: self.model.generated(level))
        restored = self._decode(padded, head, kernels)[0].numpy()
        return restored[: image.shape[0], : image.shape[1]]

    def _in(self, image):
        padded, _ = pad_to_multiple(image, self.model.multiple)
        return padded, self.model.encode(padded)

    def _on(self, image, head, kernels):
        convs = dict(zip(map(id, self.model.block_convs), kernels, strict=True))
        return self.model.decode(image, head, lambda conv, x, _: conv.convolve(x, *convs[id(conv)]))


def _spec(tensor):
    return tf.TensorSpec(tensor.shape, tensor.dtype)


def _forgets(key, job):
    return job()


class _Newest:
    """The newest results of a job by key."""

    def __init__(self, most):
        self.most = most
        self.known = collections.OrderedDict()

    def __call__(self, key, job):
        if key not in self.known:
            self.known[key] = job()
        self.known.move_to_end(key)
        while len(self.known) > self.most:
            self.known.popitem(last=False)
        return self.known[key]
