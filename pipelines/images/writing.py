"""Writing of picture files: pixels at their depth, and metadata."""

import io
import shutil
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image, ImageOps

from pipelines.images.formats import FORMATS, KINDS, format_of, load_plugins, missing_package
from pipelines.images.metadata import (
    ORIENTATION,
    fits_segment,
    with_jpeg_segments,
    with_numbers,
    with_png_chunks,
)
from pipelines.images.reading import PictureFile
from pipelines.images.storage import is_object, replacing, write_bytes
from pipelines.images.tiff import encode_tiff

# The second loss is not visible.
QUALITY = 95
# Of what pillow_heif writes if a picture has more than 8.
HEIF_BITS = 10
# By EXIF orientation.
_UPRIGHT: dict[int, Callable] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}
_NAMES = {
    "exif": "EXIF", "xmp": "XMP", "icc_profile": "the colour profile", "photoshop": "IPTC",
    "iptc": "IPTC", "dpi": "the resolution", "comment": "the comment",
    "trailer": "what follows the picture",
}  # fmt: skip


def kind_to_write(picture: PictureFile, path: Path) -> str:
    """Returns Pillow's name of the format of a path; without a known suffix that of the picture.

    RAW is written as TIFF.
    """
    kind = FORMATS.get(path.suffix.lower()) or picture.kind.replace("RAW", "TIFF")
    return kind if kind in KINDS else format_of(path)


def write_picture_file(picture: PictureFile, path: Path, quality: int | None = QUALITY) -> None:
    """Writes a picture in the format of its suffix, beside `path`, and renames it into place.

    Args:
        picture: The picture.
        path: The file to write.
        quality: Of lossy formats, 1 to 100, with full chroma in JPEG. None: a JPEG is compressed
            with the tables and subsampling of the JPEG that was read.

    Raises:
        ValueError: If the format cannot hold the depth of the picture.
        OSError: If the disk is full or the folder cannot be written; `path` is as it was.
    """
    write_pages([picture], path, quality)


def write_pages(
    pages: Sequence[PictureFile],
    path: Path,
    quality: int | None = QUALITY,
    replaces: str | None = None,
) -> None:
    """Writes pictures as the pages of a TIFF, or one picture.

    See `write_picture_file`, and `write_bytes` for `replaces`.
    """
    load_plugins()
    kind = kind_to_write(pages[0], path)
    for page in pages:
        check_holds(path, page)
    check_pages(path, pages)
    write_bytes(path, _encoded(pages, path, kind, quality), replaces)


def copy_file(source: Path, path: Path, replaces: str | None = None) -> None:
    """Copies the bytes of a file; errors as those of `write_pages`."""
    if is_object(path):
        write_bytes(path, source.read_bytes(), replaces)
        return
    with replacing(path) as partial:
        shutil.copyfile(source, partial)


def check_holds(path: Path, picture: PictureFile | np.ndarray) -> None:
    """Checks that the format of a path supports the depth of a picture.

    Args:
        path: The file to write.
        picture: The picture, or its pixels.

    Raises:
        ValueError: If it does not, the suffix is unknown, or a package is missing.
    """
    file = picture if isinstance(picture, PictureFile) else PictureFile(picture)
    kind, pixels = kind_to_write(file, path), file.pixels
    if missing := missing_package(path):
        raise ValueError(f"{path}: {missing}")
    if np.issubdtype(pixels.dtype, np.floating) and kind != "TIFF":
        raise ValueError(f"{path}: {kind} cannot hold float samples; TIFF can")
    deep = KINDS[kind].deep
    if pixels.dtype == np.uint16 and not (deep == "all" or (deep and pixels.ndim == 2)):
        raise ValueError(f"{path}: {kind} cannot hold these 16 bits; PNG can")


def check_pages(path: Path, pages: Sequence[PictureFile]) -> None:
    """Checks that the format of a path holds several pages.

    Raises:
        ValueError: If it does not.
    """
    kind = kind_to_write(pages[0], path)
    if len(pages) > 1 and kind != "TIFF":
        raise ValueError(f"{path}: {kind} cannot hold {len(pages)} pages; TIFF can")


def with_pixels(picture: PictureFile, pixels: np.ndarray) -> PictureFile:
    """Returns a picture with other pixels; EXIF gets their width and height."""
    kept = dict(picture.kept)
    if pixels.shape[:2] != picture.pixels.shape[:2] and "exif" in kept:
        height, width = pixels.shape[:2]
        kept["exif"] = with_numbers(kept["exif"], {0xA002: width, 0xA003: height})
    return replace(picture, pixels=pixels, kept=kept)


def lost_metadata(picture: PictureFile, path: Path) -> list[str]:
    """Returns the names of what a file of this name does not keep."""
    kind = kind_to_write(picture, path)
    held, kept = KINDS[kind].metadata.split(), picture.kept
    lost = [name for key, name in _NAMES.items() if key in kept and key not in held]
    if kind == "JPEG":
        lost += [_NAMES[key] for key in ("exif", "xmp") if not fits_segment(key, kept)]
    if "chunks" not in held:
        names = {name for name, _ in kept.get("chunks", ())}
        lost += ["the text"] * bool(names & {b"tEXt", b"zTXt", b"iTXt"})
        lost += ["the gamma"] * bool(b"gAMA" in names and not names & {b"sRGB", b"iCCP"})
    if "segments" not in held:
        other = [marker for marker, _ in kept.get("segments", ()) if marker not in (0xE0, 0xFE)]
        lost += ["other data of the JPEG"] * bool(other)
    return lost + _lost_samples(picture, kind)


def _lost_samples(picture, kind):
    pixels, lost = picture.pixels, []
    if pixels.ndim == 3 and pixels.shape[-1] in (2, 4):
        if not KINDS[kind].alpha:
            lost.append("the transparency")
        # Samples of 8 bits: a GIF holds no others.
        if kind == "GIF" and np.any(pixels[..., -1] % 255):
            lost.append("partial transparency")
    if kind == "HEIF" and picture.bits > HEIF_BITS:
        lost.append(f"precision beyond {HEIF_BITS} bits")
    if kind == "GIF" and pixels.ndim == 3:
        lost.append("precision beyond 256 colours")
    return lost


def _encoded(pages, path, kind, quality):
    if kind == "TIFF":
        stored = [
            page.pixels > 127 if page.bits == 1 and page.pixels.ndim == 2 else page.pixels
            for page in pages
        ]
        kept = [page.kept for page in pages]
        return encode_tiff(list(zip(stored, kept, strict=True)))
    if kind == "PNG":
        return with_png_chunks(_png(pages[0]), pages[0].kept)
    if kind == "JPEG":
        return with_jpeg_segments(_jpeg(pages[0], quality), pages[0].kept)
    deep = pages[0].pixels.dtype == np.uint16 and kind in ("JPEG2000", "HEIF")
    return (_deep if deep else _other)(pages[0], path, kind, quality)


def _png(picture):
    if picture.pixels.dtype == np.uint16 and picture.pixels.ndim == 3:
        import tensorflow as tf  # writes 16-bit colour, which Pillow does not

        return tf.io.encode_png(picture.pixels).numpy()
    file = io.BytesIO()
    _image(picture, "PNG").save(file, "PNG")
    return file.getvalue()


def _image(picture, kind):
    """The picture as Pillow has it; of one bit where the file had one and the format holds it."""
    image = Image.fromarray(np.ascontiguousarray(picture.pixels))
    if image.mode == "L" and picture.bits == 1 and kind in ("PNG", "BMP", "GIF", "PPM"):
        return image.point(lambda value: 255 * (value > 127), "1")
    if "A" in image.mode and not KINDS[kind].alpha:
        return image.convert(image.mode.removesuffix("A"))
    return image


def _jpeg(picture, quality):
    options = {"quality": quality or QUALITY, "subsampling": 0}
    tables = picture.kept.get("tables")
    image = _image(picture, "JPEG")
    if quality is None and tables and ("subsampling" in tables) == (image.mode == "RGB"):
        options = tables
    if "dpi" in picture.kept:
        options = options | {"dpi": picture.kept["dpi"]}
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def _bmp(image, dpi):
    """A BMP with alpha, which Pillow reads and does not write: a header of version 4."""
    width, height = image.size
    across, down = (round(number / 0.0254) for number in dpi)
    rows = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGRA")
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack(
        "<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(rows), across, down, 0, 0
    )
    header += masks + b"BGRs" + bytes(48)
    begin = 14 + len(header)
    return struct.pack("<2sIII", b"BM", begin + len(rows), 0, begin) + header + rows


def _upright(picture):
    """The pixels of a picture with its orientation applied."""
    exif = Image.Exif()
    exif.load(picture.kept.get("exif", b""))
    return _UPRIGHT.get(exif.get(ORIENTATION, 1), lambda pixels: pixels)(picture.pixels)


def _deep(picture, path, kind, quality):
    """A JPEG 2000 or HEIC of more than 8 bits, which Pillow does not write."""
    if kind == "JPEG2000":
        bits = picture.bits if 8 < picture.bits < 16 else 16
        samples = np.rint(_upright(picture) * ((2**bits - 1) / 65535)).astype(np.uint16)
        form = "j2k" if path.suffix.lower() == ".j2k" else "jp2"
        return imagecodecs.jpeg2k_encode(samples, level=0, bitspersample=bits, codecformat=form)
    import pillow_heif

    pixels, kept = np.ascontiguousarray(picture.pixels), picture.kept
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[pixels.reshape(*pixels.shape[:2], -1).shape[-1]]
    height, width = pixels.shape[:2]
    file = io.BytesIO()
    image = pillow_heif.from_bytes(mode=f"{mode};16", size=(width, height), data=pixels.tobytes())
    for key in ("icc_profile", "xmp"):
        if key in kept:
            image[0].info[key] = kept[key]
    image.save(file, quality=quality or QUALITY, exif=kept.get("exif"))
    return file.getvalue()


def _other(picture, path, kind, quality):
    row = KINDS[kind]
    image = _image(picture, kind)
    kept: dict[str, Any] = {
        key: picture.kept[key] for key in row.metadata.split() if key in picture.kept
    }
    if "exif" in picture.kept and "exif" not in kept:
        image.info["exif"] = picture.kept["exif"]
        image = ImageOps.exif_transpose(image)
    if kind == "BMP" and "A" in image.mode:
        return _bmp(image.convert("RGBA"), kept.get("dpi", (72, 72)))
    options: dict = {}
    if kind in ("AVIF", "HEIF", "JXL") or (kind == "WEBP" and not picture.lossless):
        options = {"quality": quality or QUALITY}
    elif kind == "JPEG2000":
        options = {"no_jp2": path.suffix.lower() == ".j2k"}
    elif kind == "WEBP":
        options = {"lossless": True, "exact": True}
    file = io.BytesIO()
    image.save(file, kind, **options, **kept)
    return file.getvalue()
