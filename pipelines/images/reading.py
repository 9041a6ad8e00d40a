"""Reading of picture files: pixels at their depth, and metadata."""

import functools
import importlib.util
import io
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image, ImageCms

from pipelines.color import LUMA
from pipelines.images.formats import MAX_PIXELS, RAW, load_plugins, missing_package, stored_bits
from pipelines.images.metadata import ORIENTATION, metadata_of, with_numbers
from pipelines.images.tiff import (
    BEYOND_PILLOW,
    HEADERS,
    RefusedError,
    deep_pixels,
    first_directory,
    full_pages,
    metadata_of_page,
    open_page,
    scaled_to_16_bits,
)

# The largest sample of a colour PNM, the third number of its header.
_PNM_PEAK = re.compile(rb"P[36](?:(?:\s|#[^\n]*\n)+(\d+)){3}")


@dataclass(frozen=True)
class PictureFile:
    """Pixels and metadata of a file.

    Args:
        pixels: uint8, uint16 or float in [0, 1], ``(height, width)`` or ``(height, width, 2 | 3 |
            4)``, as stored: an EXIF orientation is kept, not applied. (Formats without EXIF are
            written upright.)
        kept: The metadata; see `pipelines.images.metadata.metadata_of`.
        lossless: Whether the compression of the file is lossless.
        bits: Bits of a sample in the file: 1, 8, 9 to 16, or 32 for floats.
        kind: Pillow's name of the format, or ``RAW``; empty if the picture was not read from a
            file.
        notes: What reading changed, a line each.
    """

    pixels: np.ndarray
    kept: dict[str, Any] = field(default_factory=dict)
    lossless: bool = True
    bits: int = 8
    kind: str = ""
    notes: tuple[str, ...] = ()


def read_picture_file(path: Path, max_pixels: int = MAX_PIXELS) -> PictureFile:
    """Reads a still picture; thread-safe.

    Palettes and black-and-white become gray or colour, a transparent colour becomes alpha, CMYK
    becomes sRGB by its profile. Of a JPEG with several pictures, the first is read.

    Args:
        path: A file of a format that Pillow reads, or a TIFF.
        max_pixels: Larger pictures are refused before they are decoded. Above `MAX_PIXELS` call
            `use_own_pixel_limit` first.

    Raises:
        ValueError: If the file is damaged, no picture, several pictures, too large, or of a depth
            that cannot be kept.
        OSError: If it cannot be read.
    """
    pages = read_pages(path, max_pixels)
    if len(pages) > 1:
        raise ValueError(f"{path}: expected one picture, got {len(pages)} pages")
    return pages[0]


def read_pages(path: Path, max_pixels: int = MAX_PIXELS) -> list[PictureFile]:
    """Reads all pages of a TIFF, or the one picture of another file; see `read_picture_file`."""
    path, load = Path(path), _developed if Path(path).suffix.lower() in RAW else _decode
    if missing := missing_package(path):
        raise ValueError(f"{path}: {missing}")
    load_plugins()
    try:
        return load(path.read_bytes(), max_pixels)
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
    load_plugins()
    try:
        return decode_picture(Path(path).read_bytes(), channels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def decode_picture(data: bytes, channels: int = 3) -> np.ndarray:
    """Decodes the bytes of a picture file; see `read_picture`."""
    pixels = _decode(data, MAX_PIXELS, for_training=True)[0].pixels
    peak = np.float32(np.iinfo(pixels.dtype).max)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape[-1] in (2, 4):
        pixels = pixels[..., :-1]
    if channels == 1 and pixels.shape[-1] == 3:
        return np.rint(pixels.astype(np.float32) @ LUMA)[..., None] / peak
    if channels == 3 and pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    return pixels.astype(np.float32) / peak


def _training_pixels(picture, data):
    """Reads WebP and TIFF with tensorflow-io if that is installed; see `_pixels`."""
    still_webp = picture.format == "WEBP" and picture.n_frames == 1
    # tensorflow-io reduces the depth of other modes and multiplies colour by alpha.
    tiff = picture.format == "TIFF" and picture.mode in ("1", "L", "P", "RGB", "CMYK")
    if not (still_webp or tiff) or not importlib.util.find_spec("tensorflow_io"):
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
        if data[:4] in HEADERS and not for_training:
            pages, dropped = full_pages(data)
            return [_tiff_page(data, page, dropped, max_pixels) for page in pages]
        with Image.open(io.BytesIO(data)) as picture:
            _check(picture, data, max_pixels, for_training)
            if for_training:
                return [PictureFile(_training_pixels(picture, data))]
            return [_picture_file(picture, data)]
    except (RefusedError, MemoryError):
        raise
    # The warning is an error where a program's filters make it one.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"more pixels than the limit of {max_pixels:,}") from error
    except Image.UnidentifiedImageError as error:
        raise ValueError("no picture of a known format") from error
    # Pillow raises many kinds of errors for damaged files: TypeError, KeyError, ...
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise ValueError(f"no picture, or a damaged one ({reason})") from error


def _developed(data, max_pixels):
    """A RAW file, developed upright in sRGB with the white balance of the camera."""
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            _check_sides(raw.sizes.width, raw.sizes.height, max_pixels)
            pixels = raw.postprocess(output_bps=16, use_camera_wb=True, no_auto_bright=True)
    except rawpy.LibRawError as error:
        reason = error.args[0]  # bytes while opening, text while unpacking
        reason = reason.decode() if isinstance(reason, bytes) else reason
        raise ValueError(f"no RAW file, or a damaged one ({reason})") from error
    kept = metadata_of_page(data, first_directory(data)) if data[:4] in HEADERS[:2] else {}
    if "exif" in kept:
        kept["exif"] = with_numbers(kept["exif"], {ORIENTATION: 1})
    notes = ["RAW was developed to 16 bits of sRGB"] + ["its metadata was lost"] * (not kept)
    kept["icc_profile"] = _srgb()
    return [PictureFile(pixels, kept, True, 16, "RAW", tuple(notes))]


def _picture_file(picture, data):
    pixels = _pixels(picture, data)
    kept = metadata_of(picture, data)
    pixels, notes = _in_srgb(picture, pixels, kept)
    if picture.format in ("JPEG", "MPO") and picture.mode in ("L", "RGB"):
        kept["tables"] = _jpeg_tables(picture)
    if getattr(picture, "n_frames", 1) > 1:
        notes.append(f"only the first of {picture.n_frames} pictures was kept")
    if picture.format == "JXL":
        notes.append("JPEG XL was read at 8 bits")
    stored = stored_bits(data, picture.format)
    if stored > 8 and pixels.itemsize == 1:
        deep = _deep(picture, data, stored)
        # Colour spaces and rotations that Pillow applies would make it another picture.
        if deep is not None and deep.shape == pixels.shape and _near(deep >> 8, pixels):
            pixels = deep
        else:
            notes.append(f"{stored} bits were reduced to 8")
    kind = "JPEG" if picture.format == "MPO" else picture.format
    lossy = kind in ("JPEG", "AVIF", "HEIF") or (kind == "WEBP" and b"VP8L" not in data[:64])
    bits = stored if stored > 8 and pixels.itemsize > 1 else 8 * pixels.itemsize
    bits = 1 if picture.mode == "1" else bits
    return PictureFile(pixels, kept, not lossy, bits, kind, tuple(notes))


def _near(pixels, others):
    """Whether 8-bit samples differ by at most 2; Pillow rounds white of JPEG 2000 up to black."""
    return bool((pixels.astype(np.uint8) - others + np.uint8(2) <= 4).all())


def _deep(picture, data, bits):
    """The samples of a file that Pillow reduces to 8 bits, as uint16; None of other formats."""
    if picture.format == "JPEG2000":
        return scaled_to_16_bits(imagecodecs.jpeg2k_decode(data), bits)
    if picture.format == "HEIF":
        import pillow_heif

        file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        # They are shifted to 16 bits.
        return scaled_to_16_bits(np.asarray(file[file.primary_index]) >> (16 - bits), bits)
    return None


@functools.cache
def _srgb():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Its bytes 24 to 36 are the time at which it was made: results are the same at any time.
    return profile[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + profile[36:]


def _in_srgb(picture, pixels, kept):
    """Converts CMYK by its profile; returns pixels and what to say. `kept` gets the new profile."""
    if picture.mode not in ("CMYK", "LAB"):
        return pixels, []
    profile = kept.get("icc_profile", b"")
    kept["icc_profile"] = _srgb()
    if picture.mode == "LAB":
        return pixels, ["Lab was converted to sRGB"]
    try:
        inks, srgb = (ImageCms.ImageCmsProfile(io.BytesIO(data)) for data in (profile, _srgb()))
        converted = ImageCms.profileToProfile(picture, inks, srgb, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        return pixels, ["CMYK without a profile was converted to sRGB"]
    return np.asarray(converted), ["CMYK was converted to sRGB by its profile"]


def _jpeg_tables(picture):
    """Options of Pillow that compress a JPEG as this one; unknown subsampling becomes 4:4:4."""
    from PIL.JpegImagePlugin import get_sampling

    numbers = [layer[3] for layer in picture.layer[:2]]
    options = {
        "qtables": [list(picture.quantization[number]) for number in numbers],
        "progressive": bool(picture.info.get("progressive")),
    }
    if picture.mode == "RGB":
        options["subsampling"] = max(0, get_sampling(picture))
    return options


def _check(picture, data, max_pixels, for_training):
    """Refuses large and animated pictures and unsupported depths, before decoding."""
    _check_sides(picture.width, picture.height, max_pixels)
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format not in ("MPO", "HEIF") and not for_training:
        raise RefusedError(f"expected a still picture, got {frames} frames")
    deep = picture.mode in ("F", "I")
    # 16-bit gray in 32 bits: no loss.
    if deep and not (picture.mode == "I" and picture.format in ("PNG", "PPM")):
        raise RefusedError("expected samples of 8 or 16 bits, got 32 bits")
    if picture.format == "PPM" and picture.mode == "RGB":
        peak = _PNM_PEAK.match(data)
        deep = peak is not None and int(peak[1]) > 255
    else:
        deep = False
    if deep and not for_training:
        # Pillow would reduce 16-bit colour to 8 bits.
        raise RefusedError(f"expected 8 bits or a PNG, got {picture.format} colour of 16 bits")


def _check_sides(width, height, max_pixels):
    if width * height > max_pixels:
        raise RefusedError(f"{width}x{height} pixels are more than the limit of {max_pixels:,}")


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


def _tiff_page(data, page, dropped, max_pixels):
    _check_sides(page.imagewidth, page.imagelength, max_pixels)
    kept, bits = metadata_of_page(data, page.offset), page.bitspersample
    if bits > 8 or page.compression in BEYOND_PILLOW:
        pixels, notes = deep_pixels(page)
    else:
        with open_page(data, page.offset) as picture:
            pixels, notes = _in_srgb(picture, _pixels(picture, data), kept)
            bits = 1 if picture.mode == "1" else 8
    if dropped:
        notes.append(f"{dropped} reduced or nested images were dropped")
    return PictureFile(pixels, kept, True, bits, "TIFF", tuple(notes))
