"""The forms in which a picture goes to a server and comes back."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Form(NamedTuple):
    """A signature and what it wants.

    Args:
        signature: Its name.
        takes: Name of the picture's input.
        gives: Name of the output.
        to_wire: ``(height, width, channels)`` -> the input.
        from_wire: The output -> ``(..., height, width, channels)``.
    """

    signature: str
    takes: str
    gives: str
    to_wire: Callable[[np.ndarray], np.ndarray]
    from_wire: Callable[[np.ndarray], np.ndarray]


def _batch_of_one(image):
    return image[None]


def _only_one(images):
    return images[0]


def _png(image):
    return np.array([tf.io.encode_png(image).numpy()], object)


def _from_png(files):
    return tf.io.decode_png(files[0]).numpy()


FLOATS = Form("serving_default", "image", "restored", _batch_of_one, _only_one)
BYTES = Form("serving_uint8", "image", "restored", _batch_of_one, _only_one)
# Without loss: the answer is that of BYTES. Of a clean picture it is half the bytes, of a noisy
# one nearly as many, for some 30 ms of encoding at each end.
FILES = Form("serving_bytes", "image_bytes", "restored_bytes", _png, _from_png)
SWEEP = Form("sweep", "image", "restored", _batch_of_one, lambda images: images)


def cheapest(signatures, pixels: np.ndarray, channels: int, slow_link: bool) -> Form:
    """Returns the form of fewest bytes that loses nothing.

    Args:
        signatures: Names of those that the server has.
        pixels: ``(height, width, 1 | 3)``.
        channels: Those of the network; where they differ, luma is computed between, in floats.
        slow_link: Whether bytes cost more than encoding them.
    """
    if pixels.dtype == np.uint8 and pixels.shape[-1] == channels:
        for form in (FILES, BYTES) if slow_link else (BYTES, FILES):
            if form.signature in signatures:
                return form
    return FLOATS
