"""The pictures that a page has open."""

import collections
import secrets
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from keras_hyper.live.strength import read_painting
from pipelines.images import PictureFile, read_picture_file


class GoneError(KeyError):
    """A picture, or what was painted on it, that is not open any more."""

    def __str__(self):
        return "that picture is not open any more: open it again"


# A view that waits may still need an older one.
_PAINTINGS = 4


@dataclass(frozen=True)
class OpenPicture:
    """One picture.

    Args:
        name: What its file is called, without folders.
        file: Its pixels and what surrounded them.
        path: A copy of the file, for what is told from files.
        clean: What it was before the page spoiled it, uint8; None for other pictures.
        paintings: Where more or less restoration is wanted, by number.
    """

    name: str
    file: PictureFile
    path: Path
    clean: np.ndarray | None = None
    paintings: collections.OrderedDict = field(default_factory=collections.OrderedDict)

    def paint(self, number: int, data: bytes) -> None:
        """Takes a painting, and forgets all but the newest few.

        Raises:
            ValueError: If it is none; see `read_painting`.
        """
        self.paintings[number] = read_painting(data)
        while len(self.paintings) > _PAINTINGS:
            self.paintings.popitem(last=False)

    def painting(self, number: int) -> np.ndarray:
        """Returns a painting.

        Raises:
            GoneError: If it was never there, or was forgotten.
        """
        if number not in self.paintings:
            raise GoneError(number)
        return self.paintings[number]


class Pictures:
    """Keeps the newest pictures and forgets the rest, so that an open page costs bounded memory.

    Args:
        max_pixels: A picture that claims more is refused before it is decoded.
        most: How many are kept.
    """

    def __init__(self, max_pixels: int, most: int = 8):
        self.max_pixels, self.most = max_pixels, most
        self._folder = tempfile.TemporaryDirectory(prefix="keras-hyper-")
        self._open: collections.OrderedDict[str, OpenPicture] = collections.OrderedDict()
        self._lock = threading.Lock()

    def add(self, name: str, data: bytes) -> str:
        """Takes a file in and returns the word it is known by.

        Raises:
            ValueError: If it is no picture, a damaged one, or too large; the text says which.
        """
        name = Path(name.replace("\\", "/")).name or "picture"
        word = secrets.token_urlsafe(9)
        path = Path(self._folder.name) / word
        path.write_bytes(data)
        try:
            file = read_picture_file(path, self.max_pixels)
        except ValueError as error:
            path.unlink()
            raise ValueError(str(error).replace(str(path), name)) from error
        self._keep(word, OpenPicture(name, file, path))
        return word

    def add_test(self, name: str, spoiled: np.ndarray, clean: np.ndarray) -> str:
        """Takes in a picture whose clean form is known; returns the word it is known by.

        Args:
            name: What it is called, without a suffix.
            spoiled: uint8, as `keras_hyper.restore` takes it.
            clean: uint8, what the restored one should be.
        """
        word = secrets.token_urlsafe(9)
        path = Path(self._folder.name) / word
        Image.fromarray(spoiled).save(path, "PNG")
        self._keep(word, OpenPicture(f"{name}.png", PictureFile(spoiled), path, clean))
        return word

    def _keep(self, word, picture):
        with self._lock:
            self._open[word] = picture
            while len(self._open) > self.most:
                _, oldest = self._open.popitem(last=False)
                oldest.path.unlink(missing_ok=True)

    def get(self, word: str) -> OpenPicture:
        """Returns a picture.

        Raises:
            GoneError: If it was never there, or was forgotten.
        """
        with self._lock:
            if word not in self._open:
                raise GoneError(word)
            self._open.move_to_end(word)
            return self._open[word]

    def close(self) -> None:
        """Forgets all."""
        self._open.clear()
        self._folder.cleanup()
