"""The sizes of pictures before anything decodes them."""

import io
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin

from keras_hyper.serving.server.errors import invalid

# What `tf.io.decode_image` reads. These look at the header alone; `Image.open` also warns of size.
_FORMATS: dict[bytes, Callable[[Any], Any]] = {
    b"\x89PNG": PngImagePlugin.PngImageFile,
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"GIF8": GifImagePlugin.GifImageFile,
    b"BM": BmpImagePlugin.BmpImageFile,
}


def check_files(name: str, files: np.ndarray, max_pixels: int) -> None:
    """Checks the sizes that the headers claim: decoding takes the memory that they ask for.

    Args:
        name: The input's name, for the error.
        files: Bytes of PNG, JPEG, GIF or BMP files.
        max_pixels: The most that they may have together.

    Raises:
        ServingError: INVALID_ARGUMENT if they have more, or one is none of these.
    """
    pixels = 0
    for data in files.ravel():
        pixels += _pixels_of(name, data)
        if pixels > max_pixels:
            raise invalid(
                f"{name}: pictures of {pixels} pixels are beyond this server's limit of "
                f"{max_pixels} pixels a request"
            )


def _pixels_of(name, data):
    # By the first bytes, as the graph's decoder chooses.
    kinds = [kind for start, kind in _FORMATS.items() if data.startswith(start)]
    try:
        if kinds:
            with kinds[0](io.BytesIO(data)) as picture:
                return math.prod(picture.size)
    except (OSError, ValueError, SyntaxError, struct.error, IndexError) as error:
        raise invalid(f"{name}: a picture's header is broken: {error}") from error
    raise invalid(f"{name}: Unknown image file format. One of JPEG, PNG, GIF, BMP required.")
