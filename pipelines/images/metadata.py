"""Metadata of picture files, in the forms that they have in JPEG, PNG and TIFF.

Sources: EXIF 3.0 (CIPA DC-008), TIFF 6.0, PNG (W3C, third edition), XMP part 3, JFIF 1.02.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

# {tag: (type, bytes or a directory)}
Directory = dict[int, tuple[int, Any]]
ORIENTATION, RESOLUTION, PHOTOSHOP = 0x0112, (282, 283, 296), 34377
# TIFF tags whose value is a block of metadata.
PACKETS = {700: "xmp", 33723: "iptc", PHOTOSHOP: "photoshop", 34675: "icc_profile"}
# TIFF tags of the layout of the pixels, and of DNG; a new file has its own. The names of camera,
# lens and original file, which DNG has too, are kept.
LAYOUT = {
    *range(254, 260), *range(262, 267), 273, *range(277, 282), 284, 288, 289, 292, 293,
    301, 317, *range(320, 326), 330, 332, 338, 339, 340, 341, 347, *range(512, 522),
    *range(529, 533), 33421, 33422, *range(50706, 52554),
} - {50708, 50735, 50736, 50827}  # fmt: skip
_SUBDIRECTORIES = {0x8769, 0x8825, 0xA005}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_EXIF_POINTER = 0x8769
# PNG chunks that describe the stored samples, and those with keys of their own in `kept`.
_SAMPLES = {b"tRNS", b"bKGD", b"hIST", b"sBIT", b"acTL", b"fcTL", b"fdAT", b"eXIf"}
_XMP_KEYWORD = b"XML:com.adobe.xmp\0"
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_MAX_SEGMENT = 65533


def metadata_of(picture: Any, data: bytes) -> dict[str, Any]:
    """Returns the metadata of a file that Pillow has decoded, but for TIFF.

    Args:
        picture: The image, decoded.
        data: The file.

    Returns:
        ``exif`` (a TIFF structure), ``xmp``, ``icc_profile``, ``photoshop`` (image resources, with
        IPTC), ``iptc``, ``comment``: bytes. ``dpi``: two numbers. ``chunks`` and ``segments``: all
        else of a PNG and of a JPEG, as stored. ``trailer``: what follows the picture of a JPEG, as
        the video of a phone does, but for further pictures. ``tables``: Pillow's options of the
        compression of a JPEG. Each only where the file has it.
    """
    names = ("exif", "xmp", "icc_profile", "comment", "dpi")
    kept = {name: picture.info[name] for name in names if picture.info.get(name)}
    if picture.format == "PNG":
        kept |= _of_png(data)
    elif picture.format in ("JPEG", "MPO"):
        kept |= _of_jpeg(data)
        trailer = data[jpeg_end(data) :]
        if trailer.strip(b"\0") and getattr(picture, "n_frames", 1) == 1:
            kept["trailer"] = trailer
    if isinstance(kept.get("comment"), str):
        kept["comment"] = kept["comment"].encode()
    if "exif" in kept:
        kept["exif"] = kept["exif"].removeprefix(_EXIF)
    return kept


def _of_png(data):
    kept: dict[str, Any] = {"chunks": []}
    for name, body in png_chunks(data):
        if name == b"eXIf":
            kept["exif"] = body
        elif name == b"iTXt" and body.startswith(_XMP_KEYWORD + b"\0\0"):
            kept["xmp"] = body[len(_XMP_KEYWORD) + 2 :].split(b"\0", 2)[-1]
        elif name[0] & 32 and name not in _SAMPLES:
            kept["chunks"].append((name, body))
    return kept


def _of_jpeg(data):
    kept: dict[str, Any] = {"segments": []}
    for marker, body in jpeg_segments(data):
        if marker == 0xE1 and body.startswith(_EXIF) and "exif" not in kept:
            kept["exif"] = body
        elif marker == 0xE1 and body.startswith(_XMP):
            kept["xmp"] = body[len(_XMP) :]
        elif marker == 0xED and body.startswith(_PHOTOSHOP):
            kept["photoshop"] = kept.get("photoshop", b"") + body[len(_PHOTOSHOP) :]
        # Pillow joins the profile; the encoder writes Adobe's segment; MPF points at pictures.
        elif marker != 0xEE and not body.startswith((_ICC, b"MPF\0")):
            kept["segments"].append((marker, body))
    return kept


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the chunks of a PNG, name and body, also those after the pixels."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields application segments and comments of a JPEG, marker and body, before the pixels."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker == 0xDA:
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        if 0xE0 <= marker <= 0xEF or marker == 0xFE:
            yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length


def jpeg_end(data: bytes) -> int:
    """Returns the position behind the picture of a JPEG; that of its end if it is cut off."""
    at = 2
    while 0 <= at < len(data) - 1:
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (0, 0xFF) or 0xD0 <= marker <= 0xD7:
            at = data.find(b"\xff", at + 1)  # inside compressed data
        elif marker == 0xD9:
            return at + 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return len(data)


def with_png_chunks(data: bytes, kept: dict[str, Any]) -> bytes:
    """Returns a PNG with metadata; see `metadata_of`."""
    chunks = list(kept.get("chunks", ()))
    if "chunks" not in kept:
        if "icc_profile" in kept:
            chunks.append((b"iCCP", b"profile\0\0" + zlib.compress(kept["icc_profile"])))
        if "dpi" in kept:
            x, y = (round(number / 0.0254) for number in kept["dpi"])
            chunks.append((b"pHYs", struct.pack(">IIB", x, y, 1)))
        if "comment" in kept:
            text = kept["comment"].decode("utf-8", "replace").encode()
            chunks.append((b"iTXt", b"Comment\0\0\0\0\0" + text))
    if "xmp" in kept:
        chunks.append((b"iTXt", _XMP_KEYWORD + bytes(4) + kept["xmp"]))
    if "exif" in kept:
        chunks.append((b"eXIf", kept["exif"].removeprefix(_EXIF)))
    packed = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    # Ancillary chunks follow the header, which ends at byte 33.
    return data[:33] + packed + data[33:]


def fits_segment(key: str, kept: dict[str, Any]) -> bool:
    """Returns whether a JPEG holds what is kept of ``exif`` or ``xmp``; it may be nothing."""
    prefix = {"exif": _EXIF, "xmp": _XMP}[key]
    return len(prefix) + len(kept.get(key, b"")) <= _MAX_SEGMENT


def with_jpeg_segments(data: bytes, kept: dict[str, Any]) -> bytes:
    """Returns a JPEG with metadata; see `metadata_of`. What exceeds a segment is skipped."""
    rest = 4 + struct.unpack_from(">H", data, 4)[0]  # behind the encoder's JFIF segment
    segments = list(kept.get("segments", [(0xE0, data[6:rest])]))
    # JFIF's comes first, EXIF's next.
    at = sum(marker == 0xE0 for marker, _ in segments[:1])
    added = []
    if "exif" in kept:
        added.append((0xE1, _EXIF + kept["exif"].removeprefix(_EXIF)))
    if "xmp" in kept:
        added.append((0xE1, _XMP + kept["xmp"]))
    resources = kept.get("photoshop", b"")
    if "iptc" in kept:
        # An image resource of Photoshop, without a name.
        body = kept["iptc"] + bytes(len(kept["iptc"]) % 2)
        resources += struct.pack(">4sHHI", b"8BIM", 0x0404, 0, len(kept["iptc"])) + body
    step = _MAX_SEGMENT - len(_PHOTOSHOP)
    added += [
        (0xED, _PHOTOSHOP + resources[start : start + step])
        for start in range(0, len(resources), step)
    ]
    profile, step = kept.get("icc_profile", b""), 65519
    parts = [profile[start : start + step] for start in range(0, len(profile), step)]
    added += [
        (0xE2, _ICC + bytes((number, len(parts))) + part) for number, part in enumerate(parts, 1)
    ]
    if "comment" in kept and "segments" not in kept:
        added.append((0xFE, kept["comment"]))
    segments[at:at] = added
    packed = b"".join(
        struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
        for marker, body in segments
        if len(body) <= _MAX_SEGMENT
    )
    return data[:2] + packed + data[rest:] + kept.get("trailer", b"")


def byte_order(data: bytes) -> str:
    """Returns the byte order of a TIFF structure, ``<`` or ``>``.

    Raises:
        ValueError: If it is none.
    """
    try:
        return {b"II": "<", b"MM": ">"}[data[:2]]
    except KeyError:
        raise ValueError(f"expected a TIFF structure, got {data[:4]!r}") from None


def read_directory(
    data: bytes, at: int, order: str, big: bool = False, depth: int = 0
) -> Directory:
    """Reads a directory of a TIFF structure, with those of EXIF and GPS.

    Args:
        data: The TIFF structure.
        at: Position of the directory.
        order: See `byte_order`.
        big: Whether it is a BigTIFF.
        depth: Number of directories around it.

    Returns:
        The directory. Entries of unknown types, or with values outside the data, are skipped.
    """
    head, entry, pointer = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
    directory: Directory = {}
    if not 0 < at <= len(data) - struct.calcsize(f"={head}"):
        return directory
    (count,) = struct.unpack_from(order + head, data, at)
    at += struct.calcsize(f"={head}")
    size = struct.calcsize(f"={entry}")
    for number in range(min(count, (len(data) - at) // size)):
        tag, kind, length, value = struct.unpack_from(order + entry, data, at + number * size)
        if tag in _SUBDIRECTORIES and depth < 3:
            (start,) = struct.unpack_from(order + pointer, value)
            directory[tag] = (4, read_directory(data, start, order, big, depth + 1))
            continue
        length *= _SIZES.get(kind, 0)
        if length > len(value):
            (start,) = struct.unpack_from(order + pointer, value)
            value = data[start : start + length]
        if length and len(value) >= length:
            directory[tag] = (kind, value[:length])
    return directory


def pack_directory(directory: Directory, at: int, order: str, following: int = 0) -> bytes:
    """Returns a directory as bytes that lie at a position, with its values behind it."""
    entries, values = b"", b""
    begin = at + 2 + 12 * len(directory) + 4
    for tag, (kind, value) in sorted(directory.items()):
        if isinstance(value, dict):
            start = begin + len(values)
            values += pack_directory(value, start, order)
            value = struct.pack(f"{order}I", start)
        length = len(value) // _SIZES[kind]
        if len(value) > 4:
            start = begin + len(values)
            values += value + bytes(len(value) % 2)
            value = struct.pack(f"{order}I", start)
        entries += struct.pack(f"{order}HHI4s", tag, kind, length, value)
    return (
        struct.pack(f"{order}H", len(directory))
        + entries
        + struct.pack(f"{order}I", following)
        + values
    )


def exif_of_directory(directory: Directory, order: str) -> bytes:
    """Returns a directory as EXIF data."""
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}I", 8) + pack_directory(directory, 8, order)


def directory_of_exif(exif: bytes) -> tuple[Directory, str]:
    """Returns the first directory of EXIF data, and its byte order."""
    exif = exif.removeprefix(_EXIF)
    order = byte_order(exif)
    return read_directory(exif, struct.unpack_from(f"{order}I", exif, 4)[0], order), order


def with_numbers(exif: bytes, numbers: dict[int, int]) -> bytes:
    """Returns EXIF data with other numbers, in place: offsets inside maker notes stay right."""
    data = bytearray(exif)
    order = byte_order(exif)
    pending = [struct.unpack_from(f"{order}I", exif, 4)[0]]
    for at in pending:
        if not 0 < at <= len(data) - 2 or len(pending) > 3:
            continue
        (count,) = struct.unpack_from(f"{order}H", data, at)
        for start in range(at + 2, min(at + 2 + count * 12, len(data) - 11), 12):
            tag, kind, length, value = struct.unpack_from(f"{order}HHII", data, start)
            if tag == _EXIF_POINTER:
                pending.append(value)
            elif tag in numbers and kind in (3, 4) and length == 1:
                form = order + ("H" if kind == 3 else "I")
                struct.pack_into(form, data, start + 8, numbers[tag])
    return bytes(data)
