"""Which files are restored and where they go: folders, names, shards, resuming."""

import json
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from keras_hyper.errors import WrongArgumentError
from pipelines.images import (
    KINDS,
    RAW,
    files_below,
    format_of,
    is_hidden,
    is_picture,
    links_below,
    versions_of,
    write_bytes,
)

# File with the settings of a folder that is not yet complete. Hidden files are not listed.
RECORD = ".keras-hyper.json"

Pairs = list[tuple[Path, Path]]
# By picture: its result, and what that replaces (see `write_bytes`).
Targets = dict[Path, tuple[Path, str | None]]


@dataclass(frozen=True)
class Naming:
    """Names of restored files.

    Args:
        format: A suffix without its dot, which names the format; empty for that of the source.
            RAW files become TIFF.
        suffix: Text between the name and the suffix, such as ``_restored``.
    """

    format: str = ""
    suffix: str = ""

    def __call__(self, name: PurePath) -> PurePath:
        """Returns the name of a restored file."""
        ending = ".tif" if name.suffix.lower() in RAW else name.suffix
        ending = f".{self.format}" if self.format else ending
        return name.with_name(f"{name.stem}{self.suffix}{ending}")


UNCHANGED = Naming()


@dataclass(frozen=True)
class Listing:
    """The files of IN.

    Args:
        pairs: The pictures to restore, and where they go.
        others: The other files, and what they are.
    """

    pairs: Pairs
    others: dict[Path, str] = field(default_factory=dict)


def list_files(source: Path, out: Path, naming: Naming = UNCHANGED) -> Listing:
    """Lists the files of IN.

    Args:
        source: A picture, or a folder of pictures.
        out: A file or a folder.
        naming: Of results in a folder.

    Raises:
        ValueError: If a path does not exist, the two do not fit, or results would replace pictures
            or one another.
    """
    if not source.exists():
        raise ValueError(f"expected a picture or a folder of pictures; no such file: {source}")
    if source.is_dir():
        return _list_folder(source, out, naming)
    if out.is_dir():
        out = out / naming(Path(source.name))
    elif naming != UNCHANGED:
        raise ValueError(f"expected a folder to write to with --format and --suffix, got {out}")
    if out.resolve() == source.resolve():
        raise ValueError(f"IN and OUT are the same file: {out}")
    # A file without a suffix that names a format is written in that of its source.
    if out.suffix or source.suffix:
        format_of(out)
    return Listing([(source, out)])


def _list_folder(source, out, naming):
    if out.is_file():
        raise ValueError(f"{source} is a folder: expected a folder to write to, got {out}")
    same, inside = out.resolve() == source.resolve(), source.resolve() in out.resolve().parents
    if same and naming == UNCHANGED:
        raise ValueError(f"IN and OUT are the same folder: {out} (--suffix renames the results)")
    files = [path for path in files_below(source) if path.name != RECORD]
    links = links_below(source)
    if inside:  # results inside IN are not restored again
        files = [path for path in files if out.resolve() not in path.resolve().parents]
        links = {path: kind for path, kind in links.items() if out not in path.parents}
    others = {path: "hidden" for path in files if is_hidden(path, source)} | links
    pictures = [path for path in files if path not in others and is_picture(path)]
    listed = {*others, *pictures}
    others |= {path: "no picture" for path in files if path not in listed}
    pairs = [(path, out / naming(_name(path, source))) for path in pictures]
    if same:  # neither are results beside their sources
        results = {target for _, target in pairs}
        pairs = [(path, target) for path, target in pairs if path not in results]
    if not pairs:
        where = f" outside {out}" if inside else ""
        known = " ".join(row.suffixes for row in KINDS.values())
        raise ValueError(f"{source} has no pictures{where} (files ending in {known})")
    _check_targets(pairs)
    return Listing(pairs, others)


def _name(path, folder):
    """The name below a folder; of an object the name alone."""
    return PurePath(str(path.relative_to(folder)))


def part_of(listing: Listing, source: Path, shard: tuple[int, int]) -> Listing:
    """Returns the files of one shard. A file's shard depends on its name alone.

    Args:
        listing: Of all files.
        source: IN.
        shard: Its index from 0, and the number of shards.
    """
    index, count = shard

    def belongs(path):
        return zlib.crc32(_name(path, source).as_posix().encode()) % count == index

    others = {path: kind for path, kind in listing.others.items() if belongs(path)}
    return Listing([pair for pair in listing.pairs if belongs(pair[0])], others)


def _check_targets(pairs):
    """Refuses results that would replace one another, or a picture that is still to be read."""
    counts = Counter(target for _, target in pairs)
    sources = {source.resolve() for source, _ in pairs}
    for source, target in pairs:
        if counts[target] > 1:
            both = " and ".join(str(each) for each, place in pairs if place == target)
            raise ValueError(f"expected a name for each result, got {target} for {both}")
        if target.resolve() in sources:
            raise ValueError(f"the result of {source} would replace the picture {target}")


def pending(
    pairs: Pairs, source: Path, out: Path, settings: dict[str, Any], resume: bool, force: bool
) -> Targets:
    """Returns the pictures that remain to be restored.

    Args:
        pairs: Of a `Listing`.
        source: IN.
        out: The folder that is resumed.
        settings: All that the results depend on; a folder is resumed with the same settings.
        resume: Whether pictures that were restored after they last changed are skipped. Results
            are written whole or not at all, so one that exists is complete.
        force: Whether existing files are replaced.

    Raises:
        WrongArgumentError: If a file would be replaced without `force`, or the folder was started
            with other settings.
    """
    written = versions_of((target for _, target in pairs), out)
    targets = {
        picture: (target, written[target].tag if target in written else "")
        for picture, target in pairs
    }
    if resume:
        _check_same(out / RECORD, settings)
        changed = versions_of(targets, source)
        return {
            picture: (target, replaces)
            for picture, (target, replaces) in targets.items()
            if target not in written or written[target].time < changed[picture].time
        }
    existing = [str(target) for _, target in pairs if target in written]
    if existing and not force:
        raise WrongArgumentError(
            f"{existing[0]} exists (--force replaces {len(existing)} such files, --resume skips "
            "them)"
        )
    return targets


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


def write_record(folder: Path, settings: dict[str, Any], resume: bool = False) -> None:
    """Writes the settings to a folder.

    Args:
        folder: OUT.
        settings: See `pending`.
        resume: Whether those of another worker, who started meanwhile in a store, are kept.

    Raises:
        WrongArgumentError: If the settings of that worker are others.
        OSError: If it cannot be written.
    """
    try:
        write_bytes(folder / RECORD, (json.dumps(settings) + "\n").encode(), "" if resume else None)
    except FileExistsError:
        _check_same(folder / RECORD, settings)


def remove_record(folder: Path) -> None:
    """Removes the settings from a complete folder."""
    (folder / RECORD).unlink(missing_ok=True)
