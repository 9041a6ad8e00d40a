"""Picture files in and out: what surrounds the pixels stays with them."""

import contextlib
import os
import re
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# The largest sample of a colour PNM, the third number of its header.
_PNM_PEAK = re.compile(rb"P[36](?:(?:\s|#[^\n]*\n)+(\d+)){3}")
# Formats that cannot say which way up a picture is.
_WITHOUT_EXIF = {"BMP", "GIF", "PPM"}
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
            is turned upright, by Pillow, which then drops the orientation; and what is written to
            a format without EXIF is turned upright then.)
        kept: ``exif`` and ``icc_profile`` bytes, where there are any.
        lossless: Whether the file's own compression keeps every bit.
    """

    pixels: np.ndarray
    kept: dict = field(default_factory=dict)
    lossless: bool = True


def read_picture_file(path: Path, max_pixels: int) -> PictureFile:
    """Reads a still picture.

    Palettes and black-and-white become gray or colour, a transparent colour becomes alpha, CMYK and
    Lab become RGB (without their profile, which would no longer fit). Of the several pictures in a
    telephone's JPEG (previews, depth, gain) the first is the photograph.

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
            # About damaged tags, in Pillow's own terms.
            warnings.simplefilter("ignore")
            return _read(path, data, max_pixels)
    except (_RefusedError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: more than the limit of {max_pixels:,} pixels") from error
    # Pillow's readers raise whatever a damaged byte leads them to: TypeError, KeyError, ...
    except Exception as error:
        raise ValueError(f"{path}: no picture, or a damaged one ({error})") from error


class _RefusedError(ValueError):
    """A sound picture that is not taken."""


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
            raise _RefusedError(
                f"{path}: {width}x{height} pixels are more than the limit of {max_pixels:,}"
            )
        frames = getattr(picture, "n_frames", 1)
        if frames > 1 and picture.format != "MPO":
            raise _RefusedError(f"{path}: {frames} frames; a still picture was wanted")
        kept = {
            name: picture.info[name] for name in ("exif", "icc_profile") if name in picture.info
        }
        if picture.mode in ("CMYK", "LAB"):
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
    # Bytes 24 and 25 of a PNG are its depth and colour type.
    if picture.format == "PNG" and data[24] == 16 and data[25] != 0:
        return _png16(data)
    # Both hold 16-bit gray in 32 bits.
    if picture.mode == "I" and picture.format in ("PNG", "PPM"):
        return np.asarray(picture).astype(np.uint16)
    if picture.mode in ("F", "I"):
        raise _RefusedError(f"{path}: pixels of 32 bits; 8 or 16 were wanted")
    if picture.mode.startswith("I;16"):
        return np.asarray(picture).astype(np.uint16)
    if _deeper_than_read(picture, data):
        raise _RefusedError(f"{path}: {picture.format} colour of 16 bits; as PNG it can be read")
    gray = picture.mode in ("1", "L", "LA", "La")
    mode = ("L" if gray else "RGB") + ("A" if picture.has_transparency_data else "")
    if picture.mode == "1":
        picture = picture.convert("L")
    return np.asarray(picture if picture.mode == mode else picture.convert(mode))


def _deeper_than_read(picture, data):
    """Whether Pillow, which has no 16-bit colour, would cut the samples to 8 bits unsaid."""
    if picture.format == "TIFF":
        return max(picture.tag_v2.get(258, (1,))) > 8
    peak = _PNM_PEAK.match(data) if picture.format == "PPM" else None
    return peak is not None and int(peak[1]) > 255


def _png16(data):
    import tensorflow as tf

    try:
        return tf.io.decode_png(data, dtype=tf.uint16).numpy()
    except tf.errors.OpError as error:
        # TensorFlow's own text begins with the name of a graph's node.
        raise OSError("invalid PNG data") from error


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


def check_holds(path: Path, pixels: np.ndarray) -> None:
    """Checks that the format of a path's suffix holds a picture's depth.

    Raises:
        ValueError: If it does not, or the suffix is unknown.
    """
    kind = format_of(path)
    deep = pixels.dtype == np.uint16
    if deep and not (kind == "PNG" or (pixels.ndim == 2 and kind in ("TIFF", "PPM"))):
        raise ValueError(f"{path}: {kind} cannot hold these 16 bits; PNG can")


def write_picture_file(picture: PictureFile, path: Path) -> None:
    """Writes a picture in the format of its suffix, beside and then renamed into place.

    Raises:
        ValueError: If the format cannot hold the picture's depth.
        OSError: If the disk is full or the folder cannot be written; `path` is as it was.
    """
    check_holds(path, picture.pixels)
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if picture.pixels.dtype == np.uint16 and picture.pixels.ndim == 3:
            partial.write_bytes(_deep_png(picture))
        else:
            _save(picture, partial, format_of(path))
        os.replace(partial, path)
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        # Where the folder is a file, there is nothing to remove either.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _save(picture, partial, kind):
    image = Image.fromarray(np.ascontiguousarray(picture.pixels))
    if kind in ("JPEG", "BMP", "PPM") and image.mode in ("LA", "RGBA"):
        image = image.convert("L" if image.mode == "LA" else "RGB")
    if kind in _WITHOUT_EXIF and "exif" in picture.kept:
        image.info["exif"] = picture.kept["exif"]
        image = ImageOps.exif_transpose(image)
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
