"""Restoration of files: pages, levels, concurrency."""

import os
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from keras_hyper.restoration.kinds import fill_transparent
from keras_hyper.restoration.level import LevelChoice, UsedLevel
from keras_hyper.restoration.restorer import OnTile, Restorer
from pipelines import Task
from pipelines.enlarging import enlarge_picture
from pipelines.images import (
    QUALITY,
    PictureFile,
    check_holds,
    check_pages,
    copy_file,
    kind_to_write,
    local_copy,
    lost_metadata,
    read_pages,
    version_of,
    with_pixels,
    write_pages,
)

# Errors of one picture; those of a server are OSErrors. Others are defects of the program.
PICTURE_ERRORS = (ValueError, OSError, MemoryError)


@dataclass(frozen=True)
class RestoredFile:
    """What was done to one file.

    Args:
        pages: Of each page the name of each task with its level, None if none was found.
        notes: What else changed, a line each.
    """

    pages: tuple[tuple[tuple[str, UsedLevel | None], ...], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Whether no page needed a task."""
        return bool(self.pages) and not any(map(needed, self.pages))


def needed(page: Sequence[tuple[str, UsedLevel | None]]) -> list[tuple[str, UsedLevel]]:
    """Returns the tasks that a page of `RestoredFile.pages` needed, with their levels."""
    return [(task, used) for task, used in page if used and used.needed]


@dataclass(frozen=True)
class Stage:
    """One of the restorations that a file may need.

    Args:
        task: Of super-resolution the picture is enlarged first.
        restorer: Restores the pixels.
        choose_level: ``(path, pixels) -> level``; the picture stays as it is if the level is None
            or not needed.
    """

    task: Task
    restorer: Restorer
    choose_level: LevelChoice


def restore_file(
    source: Path,
    out: Path,
    stages: Sequence[Stage],
    *,
    same_size: bool = False,
    max_pixels: int,
    tile: int = 512,
    quality: int | None = None,
    keep_times: bool = False,
    replaces: str | None = None,
    on_tile: OnTile = lambda done, count: None,
) -> RestoredFile:
    """Restores one file, of a TIFF every page. A file that needs nothing is copied.

    Args:
        source: The picture: a file, or an object of a store.
        out: The file or object to write; its suffix names the format.
        stages: Applied one after the other; each sees the pixels that the one before left.
        same_size: Whether a picture for super-resolution is enlarged already.
        max_pixels: Larger pictures are refused, also after enlarging.
        tile: Tile size in pixels without the margin.
        quality: Of lossy formats. None: a JPEG keeps its tables and subsampling, unless a task
            removes what they caused.
        keep_times: Whether the file gets the times of the source; not of objects.
        replaces: ETag of the object that is replaced; see `write_bytes`.
        on_tile: Called with the tiles done and their number.

    Raises:
        FileExistsError: If another worker wrote the object meanwhile.
        ValueError: If the picture cannot be read, restored or written in this format, or if it
            changed meanwhile.
        OSError: If a file cannot be read or written.
    """
    version = version_of(source)
    with local_copy(source) as copy:
        pages = read_pages_for(copy, out, max_pixels)
        restored: list[PictureFile] = []
        levels: list[list[tuple[str, UsedLevel | None]]] = []
        for page in pages:
            pixels = page.pixels
            levels.append([])
            for stage in stages:
                used = stage.choose_level(copy, pixels)
                levels[-1].append((stage.task.name, used))
                if not (used and used.needed):
                    continue
                if stage.task.enlarges and not same_size:
                    pixels = _enlarged(copy, pixels, used.level, max_pixels)
                pixels = stage.restorer.restore(pixels, used.level, tile=tile, on_tile=on_tile)
                if any(part.level_of_file for part in stage.task.parts):
                    quality = quality or QUALITY
            restored.append(page if pixels is page.pixels else with_pixels(page, pixels))
        _check_version(source, version)
        unchanged = all(page is before for page, before in zip(restored, pages, strict=True))
        if copied := unchanged and kind_to_write(pages[0], out) == pages[0].kind:
            copy_file(copy, out, replaces)
        else:
            write_pages(restored, out, quality, replaces)
    if keep_times:
        times = source.stat()
        os.utime(out, ns=(times.st_atime_ns, times.st_mtime_ns))
    return RestoredFile(tuple(map(tuple, levels)), () if copied else notes_of(pages, out))


def _check_version(source, version):
    if version_of(source) != version:
        raise ValueError(f"{source} changed while it was restored; its result is not written")


def read_pages_for(source: Path, out: Path, max_pixels: int) -> list[PictureFile]:
    """Reads a file and checks that another one can hold its pages; see `restore_file`."""
    pages = read_pages(source, max_pixels)
    for page in pages:
        check_holds(out, page)
    check_pages(out, pages)
    return pages


def notes_of(pages: list[PictureFile], out: Path) -> tuple[str, ...]:
    """Returns what changes beside the restoration if pages are written to a file."""
    notes = [note for page in pages for note in page.notes]
    notes += [f"{name} was lost" for name in lost_metadata(pages[0], out)]
    return tuple(dict.fromkeys(notes))


def _enlarged(source, pixels, factor, max_pixels):
    height, width = (max(1, round(side * factor)) for side in pixels.shape[:2])
    if height * width > max_pixels:
        raise ValueError(
            f"{source}: {width}x{height} pixels after enlarging are more than the limit of "
            f"{max_pixels:,}"
        )
    return fill_transparent(enlarge_picture(pixels, height, width))


class StoppedError(RuntimeError):
    """The work ended early because of an error that would occur with every picture.

    Args:
        error: That error.

    Attributes:
        done: Number of pictures restored before.
    """

    def __init__(self, error: Exception):
        super().__init__(error)
        self.done = 0

    def __str__(self):
        return f"{self.args[0]} ({self.done} restored before; --resume continues)"


def restore_many(
    sources: Collection[Path], restore_one: Callable[[Path], None], restorer: Restorer
) -> dict[Path, Exception]:
    """Restores pictures, `restorer.concurrency` at once; an error of one picture skips it.

    Args:
        sources: The pictures.
        restore_one: Restores one of them.
        restorer: Defines the concurrency and which errors are fatal.

    Returns:
        The errors by picture.

    Raises:
        StoppedError: After a fatal error.
    """
    errors: dict[Path, Exception] = {}
    done: list[Path] = []  # appending is atomic

    def error_of(source):
        try:
            restore_one(source)
        except PICTURE_ERRORS as error:
            return error
        done.append(source)
        return None

    try:
        for source, error in _in_order_of_end(sources, error_of, restorer):
            if error is not None and restorer.is_fatal(error):
                raise StoppedError(error) from error
            if error is not None:
                errors[source] = error
    except StoppedError as error:
        error.done = len(done)  # final: no picture is under way
        raise
    return errors


def _in_order_of_end(sources, error_of, restorer):
    if restorer.concurrency == 1:  # in this thread, so that Ctrl-C interrupts it
        for source in sources:
            yield source, error_of(source)
        return
    pool = ThreadPoolExecutor(restorer.concurrency)
    try:
        calls = {pool.submit(error_of, source): source for source in sources}
        for call in as_completed(list(calls)):
            yield calls.pop(call), call.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        restorer.close()  # calls under way fail
        raise
    finally:
        pool.shutdown()
