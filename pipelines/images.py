"""From picture files to arrays."""

import io
import re
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

try:
    import tensorflow_io as tfio
except ImportError:  # the lane of the newest TensorFlow, which tensorflow-io has no build for
    tfio = None

# Pillow's own bound. Larger than what cameras make: a file that claims more is taken for an attack
# on memory.
MAX_PIXELS = 178_956_970

SUFFIXES = frozenset(
    [".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pnm"],
)

# OpenCV's and JPEG's luma (BT.601, full range).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def find_pictures(folder: Path) -> list[Path]:
    """Lists the pictures below a folder, by their suffixes, in order; hidden ones are left out.

    Raises:
        ValueError: If the folder is missing or has no picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"A folder of pictures was wanted. There is none at {folder}")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not _hidden(path, folder)
    )
    if not found:
        raise ValueError(
            f"{folder} has no pictures; wanted files ending in {' '.join(sorted(SUFFIXES))}"
        )
    return found


def _hidden(path, folder):
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def read_picture(path: Path, channels: int = 3) -> np.ndarray:
    """Reads one picture as it was stored: EXIF orientation is not applied.

    Args:
        path: A PNG, JPEG, BMP, GIF (first frame), TIFF, WebP or PNM file.
        channels: 3 for RGB, 1 for gray; alpha is dropped, gray becomes RGB and the reverse.

    Returns:
        float32 ``(height, width, channels)`` in [0, 1]. Gray made of colour is rounded to the
        file's own depth, 8 or 16 bits.

    Raises:
        ValueError: If the file is damaged, no picture, or larger than `MAX_PIXELS`.
        OSError: If it cannot be read.
    """
    try:
        return decode_picture(Path(path).read_bytes(), channels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def decode_picture(data: bytes, channels: int = 3) -> np.ndarray:
    """Decodes the bytes of one picture; see `read_picture`."""
    kind = _checked_kind(data)
    decode = {"PNG": _png, "JPEG": _jpeg, "MPO": _jpeg}.get(kind)
    if decode is None and tfio is not None:
        decode = {"TIFF": _tiff, "WEBP": _webp}.get(kind)
    try:
        pixels = (decode or _pillow)(data)
    except (tf.errors.OpError, OSError, SyntaxError) as error:
        raise ValueError(f"damaged {kind} file ({_first_line(error)})") from error
    return _with_channels(np.asarray(pixels), channels)


def _checked_kind(data):
    try:
        with Image.open(io.BytesIO(data)) as header:
            kind, pixels = header.format, header.width * header.height
    except Image.DecompressionBombError as error:
        raise ValueError(f"more pixels than the limit of {MAX_PIXELS:,}") from error
    except OSError as error:
        raise ValueError("no picture of a known format") from error
    if pixels > MAX_PIXELS:  # Pillow's own guard can be moved or switched off by the program
        raise ValueError(f"more pixels than the limit of {MAX_PIXELS:,}")
    return kind


def _png(data):
    # Byte 24 of a PNG is its bit depth; below 16 the decoder expands to 8.
    return tf.io.decode_png(data, dtype=tf.uint16 if data[24] == 16 else tf.uint8)


def _jpeg(data):
    # The default inverse DCT is fast and up to 5 grey levels off.
    return tf.io.decode_jpeg(data, dct_method="INTEGER_ACCURATE")


def _tiff(data):
    # tensorflow-io makes black rows of a file that is cut off, without a word; Pillow complains.
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        mode = picture.mode
    # tensorflow-io makes 8 bits of everything and multiplies colour by alpha.
    if mode not in ("1", "L", "P", "RGB", "CMYK"):
        return _pillow(data)
    return tfio.experimental.image.decode_tiff(data)[..., :3]


def _webp(data):
    return tfio.image.decode_webp(data)[..., :3]


def _pillow(data):
    # Also for BMP, GIF and PNM: TensorFlow's decoders ignore a BMP's palette, unpack every frame of
    # a GIF, and refuse bitmaps, comments and 16 bits in PNM.
    with Image.open(io.BytesIO(data)) as picture:
        if picture.mode.startswith("I;16") or (picture.format, picture.mode) == ("PPM", "I"):
            return np.asarray(picture).astype(np.uint16)[..., None]
        if picture.mode in ("I", "F"):
            raise OSError("32-bit samples have no white of their own")
        return np.asarray(picture.convert("RGB"))


def _with_channels(pixels, channels):
    peak = np.float32(np.iinfo(pixels.dtype).max)
    if pixels.shape[-1] in (2, 4):
        pixels = pixels[..., :-1]
    if channels == 1 and pixels.shape[-1] == 3:
        return np.rint(pixels.astype(np.float32) @ LUMA)[..., None] / peak
    if channels == 3 and pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    return pixels.astype(np.float32) / peak


def _first_line(error):
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    text = re.sub(r"^\{\{.*?\}\} ?", "", text)  # the name of TensorFlow's graph node
    return text.splitlines()[0][:120]
