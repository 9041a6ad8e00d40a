"""Formats of picture files: their suffixes, and what they hold."""

import functools
import importlib.util
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

# Twice Pillow's limit, where Pillow raises an error. Photographs are smaller; a larger size in a
# header may be an attack on memory.
MAX_PIXELS = 178_956_970


@dataclass(frozen=True)
class Format:
    """What files of a format hold.

    Args:
        suffixes: The first one is written by `--format`.
        metadata: Keys of `PictureFile.kept`.
        alpha: Whether it holds alpha.
        deep: Whether it holds 16 bits: ``"gray"``, ``"all"`` or ``""``.
        module: The package that reads it, beside Pillow.
        install: The command that installs it.
    """

    suffixes: str
    metadata: str = ""
    alpha: bool = True
    deep: str = ""
    module: str = ""
    install: str = ""


_MODERN = "exif xmp icc_profile"
# By Pillow's name of the format.
KINDS = {
    "PNG": Format("png", f"{_MODERN} dpi comment chunks", deep="all"),
    "JPEG": Format("jpg jpeg jpe jfif mpo", f"{_MODERN} photoshop iptc dpi comment segments tables "
                   "trailer", alpha=False),
    "TIFF": Format("tif tiff", f"{_MODERN} photoshop iptc dpi", deep="all"),
    "WEBP": Format("webp", _MODERN),
    "AVIF": Format("avif", _MODERN),
    "HEIF": Format("heic heif", _MODERN, deep="all", module="pillow_heif", install="'.[heif]'"),
    "JXL": Format("jxl", "exif icc_profile", module="pillow_jxl", install="pillow-jxl-plugin"),
    "JPEG2000": Format("jp2 j2k jpx jpf", deep="all"),
    "BMP": Format("bmp dib", "dpi"),
    "GIF": Format("gif", "comment"),
    "TGA": Format("tga"),
    "PPM": Format("ppm pgm pnm pbm", alpha=False, deep="gray"),
}  # fmt: skip
# Pillow's name of the format by suffix, for finding, reading and writing.
FORMATS = {f".{name}": kind for kind, row in KINDS.items() for name in row.suffixes.split()}
# Formats that Pillow opens and cannot decode alone, and one without a signature.
_NO_PICTURES = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF", "TGA"}
# RAW files of cameras, which are read and not written.
_RAW = "dng cr2 cr3 crw nef nrw arw sr2 raf orf rw2 rwl pef srw kdc dcr mrw erf mef 3fr iiq mos"
RAW = {f".{name}" for name in _RAW.split()}


@functools.cache
def load_plugins() -> None:
    """Registers the formats of the packages that are installed, once."""
    if _is_installed("pillow_heif"):
        import pillow_heif

        pillow_heif.register_heif_opener()
    if _is_installed("pillow_jxl"):
        import pillow_jxl  # noqa: F401


@functools.cache
def _is_installed(module):
    return importlib.util.find_spec(module) is not None


def missing_package(path: Path) -> str:
    """Returns a message if files of this suffix need a package that is not installed, else ""."""
    suffix = path.suffix.lower()
    row = KINDS.get(FORMATS.get(suffix, ""))
    module = "rawpy" if suffix in RAW else row.module if row else ""
    if not module or _is_installed(module):
        return ""
    install = "'.[raw]'" if suffix in RAW else row.install if row else ""
    return f"expected {module}, which reads {suffix} files: pip install {install}"


def stored_bits(data: bytes, kind: str) -> int:
    """Returns the bits of a sample of an AVIF, HEIF or JPEG 2000 file; 8 if it does not say.

    Args:
        data: The file.
        kind: Pillow's name of the format.

    Reference:
        ISO/IEC 23008-12, `pixi`; ISO/IEC 15444-1, the SIZ marker.
    """
    if kind in ("AVIF", "HEIF"):
        place, offset, less = data.find(b"pixi"), 9, 0
    elif kind == "JPEG2000":
        place, offset, less = data.find(b"\xff\x51"), 40, 1
    else:
        return 8
    known = place >= 0 and place + offset < len(data)
    return (data[place + offset] & 0x7F) + less if known else 8


def use_own_pixel_limit(max_pixels: int = MAX_PIXELS) -> None:
    """Raises Pillow's limit of pixels, and disables warnings about files, for the whole process.

    Programs call this at their start and pass `max_pixels`; libraries do not call it. Pillow's
    limit still holds for pictures inside other files, such as icons, whose size only Pillow sees.

    Args:
        max_pixels: That of the files. Pillow refuses twice as many, or twice `MAX_PIXELS`.
    """
    Image.MAX_IMAGE_PIXELS = max(max_pixels, MAX_PIXELS)
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="PIL")


def find_pictures(folder: Path) -> list[Path]:
    """Returns the picture files below a folder by their suffixes, sorted; hidden ones are skipped.

    Raises:
        ValueError: If the folder does not exist or has no picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"expected a folder of pictures; no such folder: {folder}")
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in FORMATS
        and not is_hidden(path, folder)
        and not missing_package(path)
        and path.is_file()
    ]
    if not found:
        raise ValueError(f"{folder} has no pictures (files ending in {' '.join(sorted(FORMATS))})")
    return found


def is_hidden(path: Path, folder: Path) -> bool:
    """Returns whether a path below a folder, or a folder between, is hidden."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def is_picture(path: Path) -> bool:
    """Returns whether a file is a picture: by its suffix, or else by the bytes of a local file."""
    if path.suffix.lower() in FORMATS or path.suffix.lower() in RAW:
        return True
    if not isinstance(path, Path):
        return False
    load_plugins()
    Image.init()
    try:
        with Image.open(path, formats=[kind for kind in Image.ID if kind not in _NO_PICTURES]):
            return True
    # Pillow raises many kinds of errors for what it does not know.
    except Exception:
        return False


def format_of(path: Path) -> str:
    """Returns Pillow's name of the format of a path, by its suffix.

    Raises:
        ValueError: If the suffix is unknown.
    """
    try:
        return FORMATS[Path(path).suffix.lower()]
    except KeyError:
        known = " ".join(sorted(FORMATS))
        raise ValueError(
            f"{path}: expected a suffix that names a format ({known}), got {path.suffix!r}"
        ) from None


def middle(picture: np.ndarray, side: int) -> np.ndarray:
    """Returns the middle of a picture ``(height, width, ...)``, at most `side` pixels per side.

    Offsets are even, so that the crop lies on the pixel grid of the network.
    """
    top, left = (max(0, length - side) // 4 * 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]
