"""Files on this machine and objects of a store: listing, reading, publishing.

An object has a `upath.UPath`, whose methods are those of `pathlib.Path`.
"""

import contextlib
import errno
import os
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

# Keys of a time in what the stores say of an object.
_TIMES = ("mtime", "LastModified", "last_modified", "created")
# Name of a file that is being written, and seconds after which its writer must have ended.
_PARTIAL = f".{'[0-9a-f]' * 16}.partial"
_OLD = 3600.0
# Codes of S3 for an object that is not the one of the condition, or is just being written.
_CONFLICTS = ("PreconditionFailed", "ConditionalRequestConflict")


@dataclass(frozen=True)
class Version:
    """Differs once a file has changed.

    Args:
        time: When it changed, in nanoseconds.
        tag: ETag of an object; None if its store has none, and of a file on this machine.
    """

    time: int
    tag: str | None = None


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


def links_below(folder: Path) -> dict[Path, str]:
    """Returns the links below a folder that lead to no file, and what they are.

    Links to folders are not followed: they may lead back.
    """
    if is_object(folder):
        return {}
    links = (path for path in folder.rglob("*") if path.is_symlink() and not path.is_file())
    return {path: "link to a folder" if path.is_dir() else "broken link" for path in links}


def versions_of(paths: Iterable[Path], folder: Path) -> dict[Path, Version]:
    """Returns the versions of files; of a store by one listing.

    Args:
        paths: Files below the folder; those that do not exist are not in the result.
        folder: The folder, or the one file.
    """
    if not is_object(folder):
        return {path: version_of(path) for path in paths if path.exists()}
    objects = _objects(folder)
    return {path: _version(objects[path]) for path in paths if path in objects}


def version_of(path: Path) -> Version:
    """Returns the version of a file."""
    if not is_object(path):
        return Version(path.stat().st_mtime_ns)
    store: Any = path
    return _version(store.fs.info(store.path))


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


def write_bytes(path: Path, data: bytes, replaces: str | None = None) -> None:
    """Writes a file whole or not at all: renamed into place, or put as one object.

    Args:
        path: The file or object.
        data: Its content.
        replaces: ETag of the object that is replaced, "" for a new object; None for any. Files on
            this machine are replaced at any rate.

    Raises:
        FileExistsError: If the object is not the one of `replaces`: another worker wrote it.
        OSError: If it cannot be written; `path` is as it was.
    """
    if not is_object(path):
        with replacing(path) as partial:
            partial.write_bytes(data)
        return
    store: Any = path
    try:
        store.fs.pipe_file(store.path, data, **_condition(store, replaces))
    except OSError as error:
        if isinstance(error, FileExistsError) or _code(error) in _CONFLICTS:
            raise FileExistsError(f"{path} was written by another worker") from error
        if replaces is not None and error.errno == errno.ENOSYS:  # a store without conditions
            return write_bytes(path, data)
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


def remove_old_partial_files(folder: Path, below: bool = True) -> None:
    """Removes the hidden files that writers left in a folder when they were killed.

    They are older than an hour; those of a store's objects do not exist.

    Args:
        folder: The folder; it need not exist.
        below: Also search the folders in it.
    """
    if is_object(folder):
        return
    for path in folder.rglob(_PARTIAL) if below else folder.glob(_PARTIAL):
        # Another worker removed it or published it, or it is another user's.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if time.time() - path.stat().st_mtime > _OLD:
                path.unlink()


def _objects(folder):
    """What a store says of each object below a folder, by path."""
    found = folder.fs.find(folder.path, detail=True)
    start = len(folder.path.rstrip("/")) + 1
    return {folder / name[start:] if name[start:] else folder: found[name] for name in found}


def _condition(store, replaces):
    if replaces == "":
        return {"mode": "create"}
    # 5 GiB, the most that S3 takes at once: an upload in parts has no such condition.
    put = {"IfMatch": replaces, "chunksize": 5 * 2**30}
    return put if replaces and store.protocol in ("s3", "s3a") else {}


def _code(error):
    """S3's code of an error that s3fs raised, such as NoSuchKey; empty for others."""
    return getattr(error.__cause__, "response", {}).get("Error", {}).get("Code", "")


def _version(info):
    time = next(info[key] for key in _TIMES if key in info)
    seconds = time.timestamp() if isinstance(time, datetime) else time
    return Version(int(1e9 * seconds), info.get("ETag") or info.get("etag"))
