"""Restoration of files and folders: pairs of paths, resuming, concurrency."""

import json
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_hyper.errors import WrongArgumentError
from keras_hyper.restoration.level import LevelChoice, UsedLevel
from keras_hyper.restoration.restorer import OnTile, Restorer
from pipelines import Task
from pipelines.degradations.bicubic import enlarge_picture
from pipelines.images import (
    QUALITY,
    check_holds,
    find_pictures,
    format_of,
    lost_metadata,
    read_pages,
    with_pixels,
    write_pages,
)

# File with the settings of a folder that is not yet complete. Hidden files are not listed.
RECORD = ".keras-hyper.json"
# Errors of one picture; those of a server are OSErrors. Others are defects of the program.
PICTURE_ERRORS = (ValueError, OSError, MemoryError)

Pairs = list[tuple[Path, Path]]


def find_pairs(source: Path, out: Path) -> Pairs:
    """Returns the pictures to restore and where they go.

    Args:
        source: A picture, or a folder of pictures.
        out: A file or a folder.

    Raises:
        ValueError: If a path does not exist, or the two do not fit.
    """
    if not source.exists():
        raise ValueError(f"expected a picture or a folder of pictures; no such file: {source}")
    if source.is_dir():
        if out.is_file():
            raise ValueError(f"{source} is a folder: expected a folder to write to, got {out}")
        if out.resolve() == source.resolve():
            raise ValueError(f"IN and OUT are the same folder: {out}")
        # Results inside IN are not restored again.
        inside = out.resolve()
        found = [path for path in find_pictures(source) if inside not in path.resolve().parents]
        if not found:
            raise ValueError(f"{source} has no pictures outside {out}")
        return [(path, out / path.relative_to(source)) for path in found]
    out = out / source.name if out.is_dir() else out
    if out.resolve() == source.resolve():
        raise ValueError(f"IN and OUT are the same file: {out}")
    format_of(out)
    return [(source, out)]


def pending(pairs: Pairs, out: Path, settings: dict[str, Any], resume: bool, force: bool) -> Pairs:
    """Returns the pairs that remain to be restored.

    Args:
        pairs: As `find_pairs` returns them.
        out: The folder that is resumed.
        settings: All that the results depend on; a folder is resumed with the same settings.
        resume: Whether pictures that were restored after they last changed are skipped. Results
            are renamed into place, so one that exists is complete.
        force: Whether existing files are replaced.

    Raises:
        WrongArgumentError: If a file would be replaced without `force`, or the folder was started
            with other settings.
    """
    if resume:
        _check_same(out / RECORD, settings)
        return [
            (source, target)
            for source, target in pairs
            if not target.exists() or target.stat().st_mtime_ns < source.stat().st_mtime_ns
        ]
    existing = [str(target) for _, target in pairs if target.exists()]
    if existing and not force:
        raise WrongArgumentError(
            f"{existing[0]} exists (--force replaces {len(existing)} such files, --resume skips "
            "them)"
        )
    return pairs


def _check_same(record, settings):
    if not record.exists():
        return
    try:
        before = dict(json.loads(record.read_text()))
    except (ValueError, TypeError) as error:
        raise WrongArgumentError(
            f"{record} is damaged; delete it to resume without a check ({error})"
        ) from error
    for name, value in settings.items():
        if before.get(name, value) != value:
            raise WrongArgumentError(
                f"expected {name} {before[name]} to resume {record.parent}, got {value} "
                "(--force restores all pictures again)"
            )


def write_record(folder: Path, settings: dict[str, Any]) -> None:
    """Writes the settings to a folder.

    Raises:
        OSError: If it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).write_text(json.dumps(settings) + "\n")


def remove_record(folder: Path) -> None:
    """Removes the settings from a complete folder."""
    (folder / RECORD).unlink(missing_ok=True)


@dataclass(frozen=True)
class RestoredFile:
    """What was done to one file.

    Args:
        used: The level; of several pages that of the first.
        notes: What else changed, a line each.
    """

    used: UsedLevel
    notes: tuple[str, ...] = ()


def restore_file(
    source: Path,
    out: Path,
    restorer: Restorer,
    choose_level: LevelChoice,
    task: Task,
    *,
    same_size: bool = False,
    max_pixels: int,
    tile: int = 512,
    quality: int | None = None,
    on_tile: OnTile = lambda done, count: None,
) -> RestoredFile:
    """Restores one file, of a TIFF every page.

    Args:
        source: The picture.
        out: The file to write; its suffix names the format.
        restorer: Restores the pixels.
        choose_level: ``(path, pixels) -> level``.
        task: Of super-resolution the picture is enlarged first.
        same_size: Whether a picture for super-resolution is enlarged already.
        max_pixels: Larger pictures are refused, also after enlarging.
        tile: Tile size in pixels without the margin.
        quality: Of lossy formats. None: a JPEG keeps its tables and subsampling, unless the task
            removes what they caused.
        on_tile: Called with the tiles done and their number.

    Raises:
        ValueError: If the picture cannot be read, restored or written in this format.
        OSError: If a file cannot be read or written.
    """
    pages = read_pages(source, max_pixels)
    for page in pages:
        check_holds(out, page)  # before the work
    levels, restored = [], []
    for page in pages:
        levels.append(choose_level(source, page.pixels))
        pixels = page.pixels
        if task.enlarges and not same_size:
            pixels = _enlarged(source, pixels, levels[-1].level, max_pixels)
        pixels = restorer.restore(pixels, levels[-1].level, tile=tile, on_tile=on_tile)
        restored.append(with_pixels(page, pixels))
    if quality is None and task.level_of_file:
        quality = QUALITY
    write_pages(restored, out, quality)
    notes = [note for page in pages for note in page.notes]
    notes += [f"{name} was lost" for name in lost_metadata(pages[0], out)]
    return RestoredFile(levels[0], tuple(dict.fromkeys(notes)))


def _enlarged(source, pixels, factor, max_pixels):
    height, width = (max(1, round(side * factor)) for side in pixels.shape[:2])
    if height * width > max_pixels:
        raise ValueError(
            f"{source}: {width}x{height} pixels after enlarging are more than the limit of "
            f"{max_pixels:,}"
        )
    return enlarge_picture(pixels, height, width)


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
