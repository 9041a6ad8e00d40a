"""The pictures that a page has open."""

import collections
import secrets
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from keras_hyper.picture_files import PictureFile, read_picture_file


@dataclass(frozen=True)
class OpenPicture:
    """One picture.

    Args:
        name: What its file is called, without folders.
        file: Its pixels and what surrounded them.
        path: A copy of the file, for what is told from files.
    """

    name: str
    file: PictureFile
    path: Path


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
        with self._lock:
            self._open[word] = OpenPicture(name, file, path)
            while len(self._open) > self.most:
                _, oldest = self._open.popitem(last=False)
                oldest.path.unlink(missing_ok=True)
        return word

    def get(self, word: str) -> OpenPicture:
        """Returns a picture.

        Raises:
            KeyError: If it was never there, or was forgotten.
        """
        with self._lock:
            self._open.move_to_end(word)
            return self._open[word]

    def close(self) -> None:
        """Forgets all."""
        self._open.clear()
        self._folder.cleanup()
