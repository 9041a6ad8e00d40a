"""The pictures that are open on the page, and what is painted on them."""

import collections
import functools
import io
import secrets
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from keras_hyper.restoration.kinds import split_alpha
from keras_hyper.restoration.pairs import UNCHANGED
from pipelines.images import PictureFile, read_picture_file

# Paintings have few pixels, since the page sends one after every stroke.
MAX_PAINTING_SIDE = 1024
# The gray that keeps the level. Black is the weakest restoration, white the strongest.
NEUTRAL = 128
# More than one, since a queued view may need an older painting.
_MAX_PAINTINGS = 4


class NotOpenError(KeyError):
    """The picture or the painting is not open any more."""

    def __str__(self) -> str:
        return "the picture is not open any more: open it again"


@dataclass(frozen=True)
class OpenPicture:
    """One picture.

    Args:
        name: Name of its file, without folders.
        file: Its pixels and metadata.
        path: A copy of the file, for levels that are estimated from files.
        clean: The picture before the page degraded it, uint8; None for other pictures.
        paintings: Paintings of stronger or weaker restoration, by number; see `read_painting`.
    """

    name: str
    file: PictureFile
    path: Path
    clean: np.ndarray | None = None
    paintings: collections.OrderedDict = field(default_factory=collections.OrderedDict)

    @property
    def saved(self) -> str:
        """Name of the restored file; a RAW file becomes a TIFF."""
        return f"restored-{UNCHANGED(Path(self.name))}"

    @functools.cached_property
    def gray(self) -> bool:
        """Whether its channels are equal."""
        pixels, _ = split_alpha(self.file.pixels)
        return bool((pixels == pixels[..., :1]).all())

    def paint(self, number: int, data: bytes) -> None:
        """Stores a painting; the newest few are kept.

        Raises:
            ValueError: If it is not a painting; see `read_painting`.
        """
        self.paintings[number] = read_painting(data)
        while len(self.paintings) > _MAX_PAINTINGS:
            self.paintings.popitem(last=False)

    def painting(self, number: int) -> np.ndarray:
        """Returns a painting.

        Raises:
            NotOpenError: If it is not stored.
        """
        if number not in self.paintings:
            raise NotOpenError(number)
        return self.paintings[number]


class Pictures:
    """Keeps the newest pictures only, so that the page needs bounded memory.

    Args:
        max_pixels: Larger pictures are refused before they are decoded.
        max_open: How many pictures are kept.
    """

    def __init__(self, max_pixels: int, max_open: int = 8):
        self.max_pixels, self.max_open = max_pixels, max_open
        self._folder = tempfile.TemporaryDirectory(prefix="keras-hyper-")
        self._open: collections.OrderedDict[str, OpenPicture] = collections.OrderedDict()
        self._lock = threading.Lock()

    def add(self, name: str, data: bytes) -> str:
        """Opens a file and returns the id of the picture.

        Raises:
            ValueError: If it is not a picture, damaged, or too large.
        """
        name = Path(name.replace("\\", "/")).name or "picture"
        picture_id = secrets.token_urlsafe(9)
        # Files are read by their suffixes, as on the command line.
        path = Path(self._folder.name) / f"{picture_id}{Path(name).suffix}"
        path.write_bytes(data)
        try:
            file = read_picture_file(path, self.max_pixels)
        except ValueError as error:
            path.unlink()
            raise ValueError(str(error).replace(str(path), name)) from error
        self._keep(picture_id, OpenPicture(name, file, path))
        return picture_id

    def add_test(self, name: str, degraded: np.ndarray, clean: np.ndarray) -> str:
        """Opens a degraded picture whose clean form is known, and returns its id.

        Args:
            name: Its name without a suffix.
            degraded: uint8, as `keras_hyper.restore` takes it.
            clean: uint8, the expected result.
        """
        picture_id = secrets.token_urlsafe(9)
        path = Path(self._folder.name) / picture_id
        Image.fromarray(degraded).save(path, "PNG")
        self._keep(picture_id, OpenPicture(f"{name}.png", PictureFile(degraded), path, clean))
        return picture_id

    def _keep(self, picture_id, picture):
        with self._lock:
            self._open[picture_id] = picture
            while len(self._open) > self.max_open:
                _, oldest = self._open.popitem(last=False)
                oldest.path.unlink(missing_ok=True)

    def get(self, picture_id: str) -> OpenPicture:
        """Returns a picture.

        Raises:
            NotOpenError: If it is not open.
        """
        with self._lock:
            if picture_id not in self._open:
                raise NotOpenError(picture_id)
            self._open.move_to_end(picture_id)
            return self._open[picture_id]

    def close(self) -> None:
        """Closes all pictures."""
        self._open.clear()
        self._folder.cleanup()


def read_painting(data: bytes) -> np.ndarray:
    """Reads a painting: any picture file, converted to gray.

    Returns:
        float32 ``(height, width)`` in [-1, 1]: -1 is the weakest end of the slider, 0 the level
        of the slider, 1 the strongest end.

    Raises:
        ValueError: If it is not a picture, or has a side above `MAX_PAINTING_SIDE`.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if max(picture.size) > MAX_PAINTING_SIDE:
                raise ValueError(f"{picture.size[0]}x{picture.size[1]} pixels")
            gray = np.asarray(picture.convert("L"), np.float32)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"expected a painting of at most {MAX_PAINTING_SIDE} pixels a side, got {error}"
        ) from error
    return np.clip((gray - NEUTRAL) / (255 - NEUTRAL), -1.0, 1.0)


def level_map(
    painting: np.ndarray,
    level: float,
    ends: tuple[float, float],
    shape: tuple[int, int],
    view: tuple[slice, slice],
) -> np.ndarray:
    """Returns the levels of a part of a picture.

    Args:
        painting: See `read_painting`; it is scaled to the picture.
        level: The level where nothing is painted.
        ends: The levels of the weakest and of the strongest restoration.
        shape: Height and width of the whole picture.
        view: Rows and columns of the part.

    Returns:
        float32 of the part's shape.
    """
    strength = painting
    for axis in (0, 1):
        # For each pixel: its two nearest cells, and the share of the second.
        cells = painting.shape[axis]
        at = np.arange(view[axis].start, view[axis].stop) + 0.5
        at = np.clip(at * (cells / shape[axis]) - 0.5, 0, cells - 1)
        first = np.floor(at).astype(int)
        share = np.expand_dims((at - first).astype(np.float32), 1 - axis)
        second = np.minimum(first + 1, cells - 1)
        cells_of = functools.partial(np.take, strength, axis=axis)
        strength = cells_of(first) * (1 - share) + cells_of(second) * share
    weakest, strongest = ends
    end = np.where(strength < 0, weakest, strongest)
    return (level + np.abs(strength) * (end - level)).astype(np.float32)
