"""The only reader and writer of picture files: pixels and metadata."""

import contextlib
import functools
import importlib.util
import io
import os
import re
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pipelines.color import LUMA

# Twice Pillow's limit, where Pillow raises an error. Photographs are smaller; a larger size in a
# header may be an attack on memory.
MAX_PIXELS = 178_956_970
# Pillow's name of the format by suffix, for finding, reading and writing.
FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP", ".tif": "TIFF",
    ".tiff": "TIFF", ".gif": "GIF", ".ppm": "PPM", ".pgm": "PPM", ".pnm": "PPM",
}  # fmt: skip
_WITHOUT_EXIF = {"BMP", "GIF", "PPM"}
_WITHOUT_ALPHA = {"JPEG", "BMP", "PPM"}
# The largest sample of a colour PNM, the third number of its header.
_PNM_PEAK = re.compile(rb"P[36](?:(?:\s|#[^\n]*\n)+(\d+)){3}")
# TIFF tags to keep: description, make, model, software, date, artist, copyright. The others
# describe the layout of the file.
_DESCRIPTIONS = {270, 271, 272, 305, 306, 315, 33432}


@dataclass(frozen=True)
class PictureFile:
    """Pixels and metadata of a file.

    Args:
        pixels: uint8 or uint16, ``(height, width)`` or ``(height, width, 2 | 3 | 4)``, as stored:
            an EXIF orientation is kept, not applied. (Pillow rotates TIFF upright. Formats
            without EXIF are written upright.)
        kept: ``exif`` and ``icc_profile`` bytes, if the file has them.
        lossless: Whether the compression of the file is lossless.
    """

    pixels: np.ndarray
    kept: dict[str, bytes] = field(default_factory=dict)
    lossless: bool = True


def find_pictures(folder: Path) -> list[Path]:
    """Returns the picture files below a folder, sorted; hidden files are skipped.

    Raises:
        ValueError: If the folder does not exist or has no picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"expected a folder of pictures; no such folder: {folder}")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in FORMATS
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    if not found:
        raise ValueError(f"{folder} has no pictures (files ending in {' '.join(sorted(FORMATS))})")
    return found


def use_own_pixel_limit() -> None:
    """Disables Pillow's limit of pixels and its warnings for the whole process.

    Programs call this at their start and pass `max_pixels`; libraries do not call it.
    """
    Image.MAX_IMAGE_PIXELS = None
    warnings.filterwarnings("ignore", module="PIL")


def read_picture_file(path: Path, max_pixels: int = MAX_PIXELS) -> PictureFile:
    """Reads a still picture; thread-safe.

    Palettes and black-and-white become gray or colour, a transparent colour becomes alpha, CMYK and
    Lab become RGB without their profile. Of a JPEG with several pictures, the first is read.

    Args:
        path: A file of a format that Pillow reads.
        max_pixels: Larger pictures are refused before they are decoded. Above `MAX_PIXELS` call
            `use_own_pixel_limit` first.

    Raises:
        ValueError: If the file is damaged, no picture, an animation, too large, or of a depth that
            cannot be kept.
        OSError: If it cannot be read.
    """
    try:
        return _decode(Path(path).read_bytes(), max_pixels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_picture(path: Path, channels: int = 3) -> np.ndarray:
    """Reads the pixels of a picture for training and evaluation.

    Args:
        path: A picture file; of an animation the first frame. 16-bit colour of TIFF and PPM is
            reduced to 8 bits.
        channels: 3 for RGB, 1 for gray; pictures are converted, and alpha is dropped.

    Returns:
        float32 ``(height, width, channels)`` in [0, 1]. Gray made of colour is rounded to the
        depth of the file, 8 or 16 bits.

    Raises:
        ValueError: See `read_picture_file`.
        OSError: If it cannot be read.
    """
    try:
        return decode_picture(Path(path).read_bytes(), channels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def decode_picture(data: bytes, channels: int = 3) -> np.ndarray:
    """Decodes the bytes of a picture file; see `read_picture`."""
    pixels = _decode(data, MAX_PIXELS, for_training=True).pixels
    peak = np.float32(np.iinfo(pixels.dtype).max)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape[-1] in (2, 4):
        pixels = pixels[..., :-1]
    if channels == 1 and pixels.shape[-1] == 3:
        return np.rint(pixels.astype(np.float32) @ LUMA)[..., None] / peak
    if channels == 3 and pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    return pixels.astype(np.float32) / peak


class _RefusedError(ValueError):
    """A valid picture of an unsupported kind."""


@functools.cache
def _has_tensorflow_io():
    return importlib.util.find_spec("tensorflow_io") is not None


def _training_pixels(picture, data):
    """Reads WebP and TIFF with tensorflow-io if that is installed; see `_pixels`."""
    still_webp = picture.format == "WEBP" and picture.n_frames == 1
    # tensorflow-io reduces the depth of other modes and multiplies colour by alpha.
    tiff = picture.format == "TIFF" and picture.mode in ("1", "L", "P", "RGB", "CMYK")
    if not (still_webp or tiff) or not _has_tensorflow_io():
        return _pixels(picture, data)
    import tensorflow as tf
    import tensorflow_io as tfio

    try:
        if still_webp:
            return tfio.image.decode_webp(data).numpy()[..., :3]
        # tensorflow-io returns black rows for a truncated file; Pillow raises an error.
        picture.load()
        return tfio.experimental.image.decode_tiff(data).numpy()[..., :3]
    except tf.errors.OpError as error:
        raise OSError(f"invalid {picture.format} data") from error


def _decode(data, max_pixels, for_training=False):
    try:
        with Image.open(io.BytesIO(data)) as picture:
            _check(picture, data, max_pixels, for_training)
            pixels = (_training_pixels if for_training else _pixels)(picture, data)
            names = ("exif", "icc_profile")
            kept: dict = {name: picture.info[name] for name in names if name in picture.info}
            if picture.mode in ("CMYK", "LAB"):
                kept.pop("icc_profile", None)
            if picture.format == "TIFF":
                tags = Image.Exif()
                tags.update(
                    {tag: value for tag, value in picture.getexif().items() if tag in _DESCRIPTIONS}
                )
                kept["exif"] = tags.tobytes()
            lossy = picture.format in ("JPEG", "MPO") or (
                picture.format == "WEBP" and b"VP8L" not in data[:64]
            )
            return PictureFile(pixels, kept, not lossy)
    except (_RefusedError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise ValueError(f"more pixels than the limit of {max_pixels:,}") from error
    except Image.UnidentifiedImageError as error:
        raise ValueError("no picture of a known format") from error
    # Pillow raises many kinds of errors for damaged files: TypeError, KeyError, ...
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise ValueError(f"no picture, or a damaged one ({reason})") from error


def _check(picture, data, max_pixels, for_training):
    """Refuses large and animated pictures and unsupported depths, before decoding."""
    width, height = picture.size
    if width * height > max_pixels:
        raise _RefusedError(f"{width}x{height} pixels are more than the limit of {max_pixels:,}")
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO" and not for_training:
        raise _RefusedError(f"expected a still picture, got {frames} frames")
    deep = picture.mode in ("F", "I")
    # 16-bit gray in 32 bits: no loss.
    if deep and not (picture.mode == "I" and picture.format in ("PNG", "PPM")):
        raise _RefusedError("expected samples of 8 or 16 bits, got 32 bits")
    if picture.format == "TIFF" and not picture.mode.startswith("I;16"):
        deep = max(picture.tag_v2.get(258, (1,))) > 8
    elif picture.format == "PPM" and picture.mode == "RGB":
        peak = _PNM_PEAK.match(data)
        deep = peak is not None and int(peak[1]) > 255
    else:
        deep = False
    if deep and not for_training:
        # Pillow would reduce 16-bit colour to 8 bits.
        raise _RefusedError(f"expected 8 bits or a PNG, got {picture.format} colour of 16 bits")


def _pixels(picture, data):
    # Bytes 24 and 25 of a PNG: depth and colour type.
    if picture.format == "PNG" and data[24] == 16 and data[25] != 0:
        import tensorflow as tf  # reads 16-bit colour, which Pillow does not

        try:
            return tf.io.decode_png(data, dtype=tf.uint16).numpy()
        except tf.errors.OpError as error:
            # The message of TensorFlow starts with the name of a node.
            raise OSError("invalid PNG data") from error
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        return np.asarray(picture).astype(np.uint16)
    gray = picture.mode in ("1", "L", "LA", "La")
    mode = ("L" if gray else "RGB") + ("A" if picture.has_transparency_data else "")
    if picture.mode == "1":
        picture = picture.convert("L")
    return np.asarray(picture if picture.mode == mode else picture.convert(mode))


def format_of(path: Path) -> str:
    """Returns Pillow's name of the format of a path, by its suffix.

    Raises:
        ValueError: If the suffix is unknown.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        known = " ".join(sorted(FORMATS))
        raise ValueError(
            f"{path}: expected a suffix that names a format ({known}), got {path.suffix!r}"
        ) from None


def check_holds(path: Path, pixels: np.ndarray) -> None:
    """Checks that the format of a path supports the depth of a picture.

    Raises:
        ValueError: If it does not, or the suffix is unknown.
    """
    kind = format_of(path)
    deep = pixels.dtype == np.uint16
    if deep and not (kind == "PNG" or (pixels.ndim == 2 and kind in ("TIFF", "PPM"))):
        raise ValueError(f"{path}: {kind} cannot hold these 16 bits; PNG can")


def write_picture_file(picture: PictureFile, path: Path) -> None:
    """Writes a picture in the format of its suffix, beside `path`, and renames it into place.

    Raises:
        ValueError: If the format cannot hold the depth of the picture.
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
        # If the folder is a file, no partial file exists.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _save(picture, partial, kind):
    image = Image.fromarray(np.ascontiguousarray(picture.pixels))
    if kind in _WITHOUT_ALPHA and image.mode in ("LA", "RGBA"):
        image = image.convert("L" if image.mode == "LA" else "RGB")
    if kind in _WITHOUT_EXIF and "exif" in picture.kept:
        image.info["exif"] = picture.kept["exif"]
        image = ImageOps.exif_transpose(image)
    options: dict = {}
    if kind == "JPEG" or (kind == "WEBP" and not picture.lossless):
        # Quality 95 and, in JPEG, full chroma: the second loss is not visible.
        options = {"quality": 95} | ({"subsampling": 0} if kind == "JPEG" else {})
    elif kind in ("WEBP", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {"compression": "tiff_lzw"}
    image.save(partial, kind, **options, **picture.kept)


def _deep_png(picture):
    import tensorflow as tf  # writes 16-bit colour, which Pillow does not

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(
            ">I", zlib.crc32(kind + data)
        )  # fmt: skip

    data = tf.io.encode_png(picture.pixels).numpy()
    chunks = b""
    if "icc_profile" in picture.kept:
        chunks += chunk(b"iCCP", b"profile\0\0" + zlib.compress(picture.kept["icc_profile"]))
    if "exif" in picture.kept:
        chunks += chunk(b"eXIf", picture.kept["exif"].removeprefix(b"Exif\0\0"))
    # Ancillary chunks follow the header, which ends at byte 33.
    return data[:33] + chunks + data[33:]


def middle(picture: np.ndarray, side: int) -> np.ndarray:
    """Returns the middle of a picture ``(height, width, ...)``, at most `side` pixels per side.

    Offsets are even, so that the crop lies on the pixel grid of the network.
    """
    top, left = (max(0, length - side) // 4 * 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]
