"""Picture files in and out: what surrounds the pixels stays with them."""

import os
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

_MODES = {"L", "LA", "RGB", "RGBA", "I;16"}
# Description, make, model, software, date, artist, copyright.
_DESCRIPTIONS = {270, 271, 272, 305, 306, 315, 33432}
_SUFFIXES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP",
             ".tif": "TIFF", ".tiff": "TIFF", ".gif": "GIF", ".ppm": "PPM", ".pgm": "PPM",
             ".pnm": "PPM"}  # fmt: skip


@dataclass(frozen=True)
class PictureFile:
    """The pixels of a file and what surrounded them.

    Args:
        pixels: uint8 or uint16, ``(height, width)`` or ``(height, width, 2 | 3 | 4)``, as they are
            stored: an EXIF orientation is not applied, and stays true of the result. (TIFF alone
            is turned upright, by Pillow, which then drops the orientation.)
        kept: ``exif`` and ``icc_profile`` bytes, where there are any.
        lossless: Whether the file's own compression keeps every bit.
    """

    pixels: np.ndarray
    kept: dict = field(default_factory=dict)
    lossless: bool = True


def read_picture_file(path: Path, max_pixels: int) -> PictureFile:
    """Reads a still picture.

    Palettes and black-and-white become gray or colour, CMYK becomes RGB (without its profile,
    which would no longer fit).

    Args:
        path: A file that Pillow knows.
        max_pixels: A picture that claims more is refused before it is decoded.

    Raises:
        ValueError: If the file is damaged, no picture, an animation, too large, or of a depth that
            would be lost.
        OSError: If it cannot be read.
    """
    data = path.read_bytes()
    try:
        with warnings.catch_warnings(), _Limit(max_pixels):
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return _read(path, data, max_pixels)
    except (OSError, SyntaxError, struct.error, zlib.error) as error:
        raise ValueError(f"{path}: no picture, or a damaged one ({error})") from error


class _Limit:
    """Pillow's bound of pixels, which is a global of its module, for the time of one file."""

    def __init__(self, max_pixels):
        self.max_pixels = max_pixels

    def __enter__(self):
        self.before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, self.max_pixels

    def __exit__(self, *error):
        Image.MAX_IMAGE_PIXELS = self.before


def _read(path, data, max_pixels):
    with Image.open(path) as picture:
        width, height = picture.size
        if width * height > max_pixels:
            raise ValueError(
                f"{path}: {width}x{height} pixels are more than the limit of {max_pixels:,}"
            )
        frames = getattr(picture, "n_frames", 1)
        if frames > 1:
            raise ValueError(f"{path}: {frames} frames; a still picture was wanted")
        kept = {
            name: picture.info[name] for name in ("exif", "icc_profile") if name in picture.info
        }
        if picture.mode == "CMYK":
            kept.pop("icc_profile", None)
        lossy = picture.format in ("JPEG", "MPO") or (
            picture.format == "WEBP" and b"VP8L" not in data[:64]
        )
        pixels = _pixels(picture, data, path)
        if picture.format == "TIFF":
            kept["exif"] = _descriptions(picture)
        return PictureFile(pixels, kept, not lossy)


def _descriptions(picture):
    """What a TIFF says of the picture; its other tags say how the file is laid out."""
    tags = Image.Exif()
    tags.update({tag: text for tag, text in picture.getexif().items() if tag in _DESCRIPTIONS})
    return tags.tobytes()


def _pixels(picture, data, path):
    # Pillow reads 16-bit colour as 8 bits; bytes 24 and 25 of a PNG are its depth and colour type.
    if picture.format == "PNG" and data[24] == 16 and data[25] != 0:
        return _png16(data)
    if picture.mode in ("F", "I") and picture.format != "PNG":
        raise ValueError(f"{path}: pixels of 32 bits; 8 or 16 were wanted")
    if picture.mode in ("I", "I;16B"):
        return np.asarray(picture).astype(np.uint16)
    if picture.mode == "P":
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    elif picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode not in _MODES:
        picture = picture.convert("RGB")
    return np.asarray(picture)


def _png16(data):
    import tensorflow as tf

    try:
        return tf.io.decode_png(data, dtype=tf.uint16).numpy()
    except tf.errors.OpError as error:
        raise OSError(error.message.splitlines()[0]) from error


def format_of(path: Path) -> str:
    """Returns Pillow's name of the format that a path's suffix stands for.

    Raises:
        ValueError: If the suffix is unknown.
    """
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError:
        known = " ".join(sorted(_SUFFIXES))
        raise ValueError(f"{path}: a suffix that names a format was wanted: {known}") from None


def write_picture_file(picture: PictureFile, path: Path) -> None:
    """Writes a picture in the format of its suffix, beside and then renamed into place.

    Raises:
        ValueError: If the format cannot hold the picture's depth.
        OSError: If the disk is full or the folder cannot be written; `path` is as it was.
    """
    kind = format_of(path)
    pixels = picture.pixels
    deep = pixels.dtype == np.uint16
    if deep and not (kind == "PNG" or (pixels.ndim == 2 and kind == "TIFF")):
        raise ValueError(f"{path}: {kind} cannot hold these 16 bits; PNG can")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        if deep and pixels.ndim == 3:
            partial.write_bytes(_deep_png(picture))
        else:
            _save(picture, partial, kind)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _save(picture, partial, kind):
    image = Image.fromarray(np.ascontiguousarray(picture.pixels))
    if kind in ("JPEG", "BMP", "PPM") and image.mode in ("LA", "RGBA"):
        image = image.convert("L" if image.mode == "LA" else "RGB")
    how: dict = {}
    if kind == "JPEG" or (kind == "WEBP" and not picture.lossless):
        # 95 and, in JPEG, full chroma: a second loss that nobody sees.
        how = {"quality": 95} | ({"subsampling": 0} if kind == "JPEG" else {})
    elif kind in ("WEBP", "TIFF"):
        how = {"lossless": True} if kind == "WEBP" else {"compression": "tiff_lzw"}
    image.save(partial, kind, **how, **picture.kept)


def _deep_png(picture):
    import tensorflow as tf

    data = tf.io.encode_png(picture.pixels).numpy()
    chunks = b""
    if "icc_profile" in picture.kept:
        profile = zlib.compress(picture.kept["icc_profile"])
        chunks += _chunk(b"iCCP", b"profile\0\0" + profile)
    if "exif" in picture.kept:
        chunks += _chunk(b"eXIf", picture.kept["exif"].removeprefix(b"Exif\0\0"))
    # Ancillary chunks go behind the header, which ends at byte 33.
    return data[:33] + chunks + data[33:]


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
