"""Pages of TIFF files: pixels of 1 to 16 bits and floats, and metadata. Source: TIFF 6.0."""

import io
import struct
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from PIL import Image

from pipelines.images.metadata import (
    LAYOUT,
    ORIENTATION,
    PACKETS,
    RESOLUTION,
    byte_order,
    directory_of_exif,
    exif_of_directory,
    pack_directory,
    read_directory,
)

# WebP, JPEG 2000, LERC and JPEG XL, which tifffile reads and Pillow does not.
BEYOND_PILLOW = {33003, 33004, 33005, 34712, 34887, 50001, 50002, 52546}
HEADERS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# The inverse of each orientation, which Pillow applies.
_UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
}  # fmt: skip


class RefusedError(ValueError):
    """A valid picture of an unsupported kind."""


def full_pages(data: bytes) -> tuple[list[Any], int]:
    """Returns the pages of a TIFF, as tifffile has them, and the number of dropped ones.

    A reduced image gives way to the pictures nested in it, as cameras store them. Masks and further
    reduced images are dropped.

    Raises:
        RefusedError: If it is the RAW file of a camera, or has no page.
    """
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        # By position: directories may form a loop.
        pages: dict[int, Any] = {}
        for page in file.pages:
            if page.offset in pages:
                break
            pages[page.offset] = page.aspage()
        nested = [child.aspage() for page in pages.values() for child in page.pages or ()]
        whole = [page for page in pages.values() if not page.subfiletype & 5]
    found = whole or [page for page in nested if not page.subfiletype & 5] or [*pages.values()][:1]
    if not found:
        raise RefusedError("expected a TIFF with a page, got none")
    if any(page.photometric == 32803 for page in (*found, *nested)):
        raise RefusedError("expected a developed picture, got a RAW file")
    return found, len(pages) + len(nested) - len(found)


def first_directory(data: bytes) -> int:
    """Returns the position of the first directory of a TIFF that is no BigTIFF."""
    return struct.unpack_from(f"{byte_order(data)}I", data, 4)[0]


def metadata_of_page(data: bytes, offset: int) -> dict[str, Any]:
    """Returns the metadata of the page at an offset; see `PictureFile.kept`."""
    order, big = byte_order(data), b"+" in data[:4]
    directory = read_directory(data, offset, order, big)
    kept = {name: directory.pop(tag)[1] for tag, name in PACKETS.items() if tag in directory}
    for tag in LAYOUT:
        directory.pop(tag, None)
    return kept | ({"exif": exif_of_directory(directory, order)} if directory else {})


def open_page(data: bytes, offset: int) -> Image.Image:
    """Opens a page of 1 to 8 bits by Pillow, as stored: its orientation is not applied."""
    pointer = "Q" if b"+" in data[:4] else "I"
    start = struct.pack(byte_order(data) + pointer, offset)
    at = len(start)  # where the header points at the first page: 4, or 8 in a BigTIFF
    picture = Image.open(io.BytesIO(data[:at] + start + data[2 * at :]))
    turned = picture.getexif().get(ORIENTATION)
    picture.load()
    if turned not in _UNDO:
        return picture
    stored = picture.transpose(_UNDO[turned])
    stored.info = picture.info
    return stored


def deep_pixels(page: Any) -> tuple[np.ndarray, list[str]]:
    """Returns the pixels of a page by tifffile, and what was changed.

    Returns:
        uint16 or float32 in [0, 1], or uint8 of a compression that Pillow does not read, as
        `PictureFile.pixels`.

    Raises:
        RefusedError: If it is of another kind.
    """
    bits, floats = page.bitspersample, page.dtype is not None and page.dtype.kind == "f"
    known = floats or page.dtype in (np.uint8, np.uint16)
    if page.photometric > 2 or page.imagedepth > 1 or not known:
        kind = f"{page.photometric.name} of {bits} bits"
        raise RefusedError(f"expected gray or RGB, unsigned of 16 bits or float, got {kind}")
    pixels = page.asarray(maxworkers=1)
    if page.axes.startswith("S"):
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    pixels = scaled_to_16_bits(pixels, bits)
    if page.photometric == 0:
        pixels = (1 if floats else np.iinfo(pixels.dtype).max) - pixels
    pixels, notes = _with_one_alpha(pixels, 3 if page.photometric == 2 else 1, page.extrasamples)
    if 8 < bits < 16:
        notes.append(f"{bits} bits were scaled to 16")
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels, notes


def scaled_to_16_bits(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Returns floats as float32, samples of 9 to 15 bits at 16, and others as they are.

    Raises:
        RefusedError: If floats are outside [0, 1].
    """
    if pixels.dtype.kind == "f":
        low, high = float(pixels.min()), float(pixels.max())
        if not (low >= 0 and high <= 1):
            raise RefusedError(f"expected float samples in [0, 1], got {low:g} to {high:g}")
        return pixels.astype(np.float32)
    if bits in (8, 16):
        return pixels
    peak = 2**bits - 1
    return np.rint(np.minimum(pixels, peak) * np.float32(65535 / peak)).astype(np.uint16)


def _with_one_alpha(pixels, colours, extra):
    """Drops channels that are neither colour nor alpha, and divides colour by alpha once."""
    kind = extra[0] if extra else 2  # a channel without a description is alpha
    keeps = colours + (pixels.shape[-1] > colours and kind in (1, 2))
    dropped = pixels.shape[-1] - keeps
    notes = [f"{dropped} channels that are no colour were dropped"] if dropped else []
    pixels = pixels[..., :keeps]
    if kind != 1 or keeps == colours:
        return pixels, notes
    peak = 1.0 if pixels.dtype.kind == "f" else float(np.iinfo(pixels.dtype).max)
    colour = pixels[..., :-1] * (peak / np.maximum(pixels[..., -1:], 1e-6))
    colour = np.clip(colour if peak == 1 else np.rint(colour), 0, peak)
    return np.concatenate([colour.astype(pixels.dtype), pixels[..., -1:]], axis=-1), notes


def encode_tiff(pages: Sequence[tuple[np.ndarray, dict[str, Any]]]) -> bytes:
    """Returns a TIFF, compressed without loss.

    Args:
        pages: Pixels and metadata of each page; see `PictureFile`. Pixels may be bool.

    Raises:
        ValueError: If it exceeds 4 GB.
    """
    import tifffile

    orders = [directory_of_exif(kept["exif"])[1] for _, kept in pages if kept.get("exif")]
    order: Literal["<", ">"] = ">" if orders[:1] == [">"] else "<"
    file = io.BytesIO()
    with tifffile.TiffWriter(file, byteorder=order) as writer:
        for pixels, _ in pages:
            alpha = pixels.ndim == 3 and pixels.shape[-1] in (2, 4)
            writer.write(
                pixels,
                photometric="rgb" if pixels.ndim == 3 and pixels.shape[-1] > 2 else "minisblack",
                planarconfig="contig" if pixels.ndim == 3 else None,
                extrasamples=["unassalpha"] if alpha else None,
                compression="zlib",
                predictor=pixels.dtype.kind == "u",
                metadata=None,
                software=False,
                contiguous=False,
            )
    return _with_directories(file.getvalue(), [kept for _, kept in pages], order)


def _with_directories(data, kepts, order):
    out, link = bytearray(data), 4
    at = first_directory(data)
    for kept in kepts:
        directory = read_directory(data, at, order)
        directory = {tag: entry for tag, entry in directory.items() if tag not in RESOLUTION}
        (count,) = struct.unpack_from(f"{order}H", data, at)
        (at,) = struct.unpack_from(f"{order}I", data, at + 2 + 12 * count)
        directory |= _tiff_metadata(kept, order)
        out += bytes(len(out) % 2)
        struct.pack_into(f"{order}I", out, link, len(out))
        link = len(out) + 2 + 12 * len(directory)
        out += pack_directory(directory, len(out), order)
    return bytes(out)


def _tiff_metadata(kept, order):
    """Entries of metadata in a directory of a TIFF."""
    entries = {}
    if kept.get("exif"):
        found, _ = directory_of_exif(kept["exif"])
        entries = {tag: entry for tag, entry in found.items() if tag not in LAYOUT}
    if "dpi" in kept and RESOLUTION[0] not in entries:
        x, y = (struct.pack(f"{order}II", round(number * 1000), 1000) for number in kept["dpi"])
        entries |= {282: (5, x), 283: (5, y), 296: (3, struct.pack(f"{order}H", 2))}
    return entries | {
        tag: (1 if tag == 700 else 7, kept[name]) for tag, name in PACKETS.items() if name in kept
    }
