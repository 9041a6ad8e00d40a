"""Restores a picture or a folder of pictures at a level."""

import argparse
import contextlib
import json
import sys
import time
import warnings
from collections import Counter
from functools import partial
from pathlib import Path

from keras_hyper.cli.restore_one import open_one, open_stages, restore_one
from keras_hyper.errors import WrongArgumentError, checked, error_text
from keras_hyper.numbers import shard, whole
from keras_hyper.restoration import folder
from keras_hyper.restoration import pairs as files
from keras_hyper.restoration.engines import add_engine
from keras_hyper.restoration.kinds import outside_range
from keras_hyper.restoration.level import AUTO, chosen_level, level_or_auto
from keras_hyper.restoration.on_ray import restore_on_ray
from pipelines import TASKS
from pipelines.images import (
    FORMATS,
    MAX_PIXELS,
    is_object,
    local_copy,
    path_or_url,
    remove_old_partial_files,
    write_bytes,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper restore``."""
    add = parser.add_argument
    add("source", metavar="IN", type=_path,
        help="a picture or a folder of pictures, also in a store: s3://bucket/photos")  # fmt: skip
    add("out", metavar="OUT", type=_path, help="the file or folder to write")
    add("--task", choices=list(TASKS), help="the degradation to remove; by default each picture's")
    add("--level", type=level_or_auto, action="append", help="noise sigma, JPEG quality, or "
        "factor; of several axes noise=15 jpeg=40; by default auto: estimated from each "
        "picture")  # fmt: skip
    add("--explain", action="store_true", help="say of every picture why it is restored or not")
    add("--strength", type=whole(0, 150), default=100, metavar="0..150",
        help="per cent of the level's strength, such as 70 for a weaker restoration")  # fmt: skip
    add("--estimator", help="of --level auto: a model.keras; by default the one that ships")
    add(
        "--model", help="a model.keras, a run's folder, a SavedModel; by default the one that ships"
    )
    add("--same-size", action="store_true", help="sr: the picture is already enlarged")
    add(
        "--tile",
        type=int,
        default=512,
        help="tile size in pixels without the margin, even (a U-Net: a multiple of 4 or 8)",
    )
    add("--precision", choices=["auto", "float32", "bfloat16"], default="auto", help="of layers")
    add_engine(parser)
    add("--max-pixels", type=int, default=MAX_PIXELS, help="larger pictures are refused")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--force", action="store_true", help="replace existing files")
    existing.add_argument("--resume", action="store_true",
                          help="skip pictures restored since they changed")  # fmt: skip
    _add_files(parser.add_argument_group("files").add_argument)
    server = parser.add_argument_group("on a server", "TF-Serving or `keras-hyper serve`")
    _add_server(server.add_argument)


def _add_files(add):
    add("--format", choices=sorted(name[1:] for name in FORMATS), default="", metavar="F",
        help="of results in a folder, such as png; by default as each source")  # fmt: skip
    add("--suffix", default="", metavar="TEXT", help="after the names of results in a folder")
    add("--quality", type=whole(1, 100), metavar="1..100", help="of JPEG and other lossy formats; "
        "by default a JPEG keeps its tables and subsampling (dejpeg: 95)")  # fmt: skip
    add("--shard", type=shard, metavar="I/N", help="restore one of N parts of the folder, 0/N to "
        "(N-1)/N; a file's part depends on its name alone")  # fmt: skip
    add("--runner", choices=["ray"], help="run the pictures of a folder as tasks of Ray: on the "
        "cluster of RAY_ADDRESS, or on this machine, one for each core")  # fmt: skip
    add("--keep-times", action="store_true", help="results get the times of their sources")
    add("--dry-run", action="store_true", help="read and list all files, and write nothing")
    add("--report", type=_path, metavar="F", help="write what happened to every file, as JSON")


def _add_server(add):
    add("--server", metavar="HOST:PORT", help="its gRPC address")
    add("--server-model", metavar="NAME", help="the model there; by default named as the task")
    add("--concurrency", type=int, default=4, help="number of pictures, and of calls, at once")
    add("--compress", action="store_true", help="send 8-bit pictures as PNG")
    add("--timeout", type=float, default=60.0, help="seconds for a tile")
    add("--halo", type=int, help="margin in pixels, for models without a card")
    add("--tls", action="store_true", help="encrypt, with the certificates of this machine")
    add("--tls-ca", type=Path, metavar="PEM", help="encrypt, with this certificate authority")
    add("--tls-cert", type=Path, metavar="PEM", help="this client's certificate")
    add("--tls-key", type=Path, metavar="PEM", help="its key")


def _path(word):
    try:
        return path_or_url(word)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def job(args: argparse.Namespace) -> int:
    """Restores; returns 1 if a picture was refused."""
    _check(args)
    args.level = chosen_level(args.level, TASKS.get(args.task))
    naming = files.Naming(args.format, args.suffix)
    listing = checked(lambda: files.list_files(args.source, args.out, naming))
    if args.shard:
        listing = files.part_of(listing, args.source, args.shard)
    level = list(args.level) if isinstance(args.level, tuple) else args.level
    settings = {"task": args.task, "level": level, "strength": args.strength,
                "same_size": args.same_size,
                "model": str(args.server_model or args.model or args.task)}  # fmt: skip
    pending = files.pending(listing.pairs, args.source, args.out, settings, args.resume, args.force)
    if args.source.is_dir() and not args.dry_run:
        remove_old_partial_files(args.out)
    begun = time.perf_counter()
    work = _read_all if args.dry_run else _restore_all
    done, errors = work(pending, settings, args) if pending else ({}, {})
    seconds = time.perf_counter() - begun
    # With --shard other parts may not be complete.
    if args.source.is_dir() and not (errors or args.dry_run or args.shard):
        files.remove_record(args.out)
    rows = _rows(listing, done, errors)
    if args.report:
        write_bytes(args.report, (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode())
    if errors and not args.source.is_dir():
        raise errors[args.source]
    _print_changes(done, args)
    print(_summary(rows, "can be restored" if args.dry_run else f"restored in {seconds:.1f} s",
                   args.out))  # fmt: skip
    for row in rows:
        if row["status"] == "refused":
            print(f"refused: {row['reason']}")
    return 1 if errors else 0


def _check(args):
    if args.keep_times and (is_object(args.source) or is_object(args.out)):
        raise WrongArgumentError("expected files of this machine with --keep-times")
    for option in ("shard", "runner"):
        if getattr(args, option) and not args.source.is_dir():
            raise WrongArgumentError(f"expected a folder with --{option}, got {args.source}")
    if args.server and args.runner:
        raise WrongArgumentError("expected --server or --runner, got both")
    if args.server and args.model:
        raise WrongArgumentError("expected --server (with --server-model) or --model, got both")
    if not args.task:
        given = {"model": args.model, "estimator": args.estimator, "server": args.server}
        for name in (name for name, value in given.items() if value):
            raise WrongArgumentError(f"expected --task with --{name}")


def _print_changes(done, args):
    for source in sorted(done):
        words = list(done[source].notes)
        if args.level == AUTO and done[source].levels:
            words.insert(0, _what_was_done(done[source], args))
        if words:
            print(f"{source}: {'; '.join(words)}")


def _what_was_done(file, args):
    """Such as "level 40 (from the file's tables)"; with the task unless the user chose it."""
    names = {name: "" if args.task else f"{name} at " for name, _ in file.levels}
    text = ", ".join(f"{names[name]}{used}" for name, used in file.restored) or "unchanged"
    if not args.explain:
        return text
    reasons = [
        f"{TASKS[name].label} {_reason(TASKS[name], used, args)}" for name, used in file.levels
    ]
    return f"{text} [{'; '.join(reasons)}]"


def _reason(task, used, args):
    if used is None:
        return "not found"
    limit = task.estimator_limit if args.task else task.automatic
    limits = "" if limit is None else f", restored {'from' if task.rising else 'up to'} {limit:g}"
    return f"{used}{limits}".removeprefix("level ")


def _rows(listing, done, errors):
    """What happened to every file, in the order of their names."""
    rows = {
        source: {"status": "skipped", "reason": kind} for source, kind in listing.others.items()
    }
    for source, out in listing.pairs:
        if source in errors:
            reason = error_text(errors[source], source)
            rows[source] = {"status": "refused", "reason": reason}
        elif source in done:
            file = done[source]
            unchanged = file.levels and not file.restored
            levels = [
                {"task": name, "level": used.level, "source": used.source or "given"}
                for name, used in file.restored
            ]
            rows[source] = {"status": "unchanged" if unchanged else "restored",
                            "out": str(out), "levels": levels,
                            "changed": list(file.notes)}  # fmt: skip
        else:
            rows[source] = {"status": "existed", "out": str(out)}
    return [{"file": str(source), **rows[source]} for source in sorted(rows)]


def _summary(rows, restored, out):
    """The numbers of files, such as "2 of 3 restored in 4 s: out; 1 refused"."""
    count = Counter(row["status"] for row in rows)
    parts = [f"{count['restored']} of {len(rows) - count['skipped']} {restored}: {out}"]
    others = ("unchanged", "existed", "refused")
    parts += [f"{count[status]} {status}" for status in others if count[status]]
    kinds = Counter(row["reason"] for row in rows if row["status"] == "skipped")
    skipped = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    return "; ".join(parts + [f"{count['skipped']} skipped ({skipped})"] * bool(kinds))


def _read_all(targets, settings, args):
    """Reads all pictures and restores none; returns what would change and the errors."""
    done, errors = {}, {}
    for source, (out, _) in targets.items():
        try:
            with local_copy(source) as copy:
                pages = folder.read_pages_for(copy, out, args.max_pixels)
            done[source] = folder.RestoredFile((), folder.notes_of(pages, out))
            print(f"{source} -> {out}")
        except folder.PICTURE_ERRORS as error:
            errors[source] = error
    return done, errors


def _restore_all(targets, settings, args):
    """Returns what was done and the errors, by picture."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    bar = Progress(console=console, disable=not console.is_terminal)
    with contextlib.ExitStack() as opened, bar:
        stages = open_stages(args, opened)
        # One line for all pictures, instead of a warning for each.
        warnings.filterwarnings("ignore", message=".*outside the range trained on")
        level_range = stages[0].restorer.level_range
        if args.level != AUTO and (outside := outside_range(args.level, level_range)):
            print(f"keras-hyper: {outside}", file=sys.stderr)
        if args.source.is_dir():
            files.write_record(args.out, settings, args.resume)
        advance = partial(bar.advance, bar.add_task("pictures", total=len(targets)))
        if args.runner:
            return _restore_on_ray(targets, args, advance)
        return _restore_here(targets, stages, args, bar, advance)


def _restore_on_ray(targets, args, advance):
    done, errors = {}, {}
    for source, result in restore_on_ray(targets, partial(open_one, args)):
        advance()
        if isinstance(result, Exception):
            errors[source] = result
        elif result:
            done[source] = result
    return done, errors


def _restore_here(targets, stages, args, bar, advance):
    done = {}

    def restore(source):
        line = bar.add_task(source.name, total=None)
        try:
            file = restore_one(
                args, stages, source, targets[source],
                lambda tiles, count: bar.update(line, completed=tiles, total=count),
            )  # fmt: skip
            if file:
                done[source] = file
        finally:
            bar.remove_task(line)
            advance()

    if args.source.is_dir():
        return done, folder.restore_many(targets, restore, stages[0].restorer)
    try:
        restore(args.source)
    except folder.PICTURE_ERRORS as error:
        return {}, {args.source: error}
    return done, {}
