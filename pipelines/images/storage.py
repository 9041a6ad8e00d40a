"""Files on this machine and objects of a store: listing, reading, publishing.

An object has a `upath.UPath`, whose methods are those of `pathlib.Path`.
"""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

# Keys of a time in what the stores say of an object.
_TIMES = ("mtime", "LastModified", "last_modified", "created")


def path_or_url(text: str) -> Path:
    """Returns the path of a file, or that of an object such as ``s3://bucket/folder``.

    Raises:
        ValueError: If the store is unknown, or a package for it is not installed.
    """
    if "://" not in text:
        return Path(text)
    try:
        from upath import UPath

        # Without a cache of listings, which would not show what other workers publish.
        path: Any = UPath(text, use_listings_cache=False)
        path.fs  # noqa: B018  (imports the package of the store)
    except ImportError as error:
        raise ValueError(f"{text}: {error} (pip install '.[archive]')") from error
    except ValueError as error:
        raise ValueError(f"{text}: {error}") from error
    return path


def is_object(path: Any) -> bool:
    """Returns whether a path is that of an object of a store."""
    return not isinstance(path, Path)


def files_below(folder: Path) -> list[Path]:
    """Returns the files below a folder, sorted."""
    if is_object(folder):
        return sorted(_objects(folder))
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def times_of(paths: Iterable[Path], folder: Path) -> dict[Path, int]:
    """Returns when files last changed, in nanoseconds; of a store by one listing.

    Args:
        paths: Files below the folder; those that do not exist are not in the result.
        folder: The folder, or the one file.
    """
    if not is_object(folder):
        return {path: path.stat().st_mtime_ns for path in paths if path.exists()}
    objects = _objects(folder)
    return {path: _time(objects[path]) for path in paths if path in objects}


def version_of(path: Path) -> str:
    """Returns a text that differs once a file has changed: an ETag or a time."""
    if not is_object(path):
        return str(path.stat().st_mtime_ns)
    store: Any = path
    info = store.fs.info(store.path)
    return str(info.get("ETag") or info.get("etag") or _time(info))


@contextlib.contextmanager
def local_copy(path: Path) -> Iterator[Path]:
    """Gives a file on this machine with the bytes of a file: itself, or of an object a copy.

    Raises:
        ValueError: Those of the body, with the name of the object.
    """
    if not is_object(path):
        yield path
        return
    store: Any = path
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        store.fs.get_file(store.path, str(copy))
        try:
            yield copy
        except ValueError as error:
            raise ValueError(str(error).replace(str(copy), str(path))) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all: renamed into place, or put as one object.

    Raises:
        OSError: If it cannot be written; `path` is as it was.
    """
    if not is_object(path):
        with replacing(path) as partial:
            partial.write_bytes(data)
        return
    store: Any = path
    try:
        store.fs.pipe_file(store.path, data)
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a hidden name, this writer's alone, of a file that becomes `path` at the end."""
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        # If the folder is a file, no partial file exists.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _objects(folder):
    """What a store says of each object below a folder, by path."""
    found = folder.fs.find(folder.path, detail=True)
    start = len(folder.path.rstrip("/")) + 1
    return {folder / name[start:] if name[start:] else folder: found[name] for name in found}


def _time(info):
    time = next(info[key] for key in _TIMES if key in info)
    return int(1e9 * (time.timestamp() if isinstance(time, datetime) else time))
