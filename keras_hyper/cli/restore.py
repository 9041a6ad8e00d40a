"""Restores a picture or a folder of pictures at a level."""

import argparse
import dataclasses
import json
import time
from pathlib import Path

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.numbers import shard, whole
from keras_hyper.restoration import batch, report
from keras_hyper.restoration import pairs as files
from keras_hyper.restoration.engines import add_engine
from keras_hyper.restoration.level import chosen_level, level_or_auto
from pipelines import TASKS
from pipelines.images import (
    FORMATS,
    MAX_PIXELS,
    path_or_url,
    remove_old_partial_files,
    use_own_pixel_limit,
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
    if args.shard and not args.source.is_dir():
        raise WrongArgumentError(f"expected a folder with --shard, got {args.source}")
    use_own_pixel_limit(args.max_pixels)
    args.level = chosen_level(args.level, TASKS.get(args.task))
    names = [field.name for field in dataclasses.fields(batch.Options)]
    options = batch.Options(**{name: getattr(args, name) for name in names})
    source, out = options.source, options.out
    naming = files.Naming(args.format, args.suffix)
    listing = checked(lambda: files.list_files(source, out, naming))
    if args.shard:
        listing = files.part_of(listing, source, args.shard)
    targets = files.pending(listing.pairs, source, out, options.settings, args.resume, args.force)
    if not args.dry_run:
        # Of a single picture only those beside its result: folders below it are not of this run.
        remove_old_partial_files(out if source.is_dir() else out.parent, below=source.is_dir())
    begun = time.perf_counter()
    work = batch.read_all if args.dry_run else batch.restore_all
    done, errors = work(targets, options) if targets else ({}, {})
    seconds = time.perf_counter() - begun
    # With --shard other parts may not be complete.
    if source.is_dir() and not (errors or args.dry_run or args.shard):
        files.remove_record(out)
    rows = report.rows_of(listing, done, errors)
    if args.report:
        write_bytes(args.report, (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode())
    if errors and not source.is_dir():
        raise errors[source]
    moves = [f"{path} -> {targets[path][0]}" for path in done] if args.dry_run else []
    changes = report.changes(done, args.task, args.level, args.explain)
    restored = "can be restored" if args.dry_run else f"restored in {seconds:.1f} s"
    refused = [f"refused: {row['reason']}" for row in rows if row["status"] == "refused"]
    print("\n".join([*moves, *changes, report.summary(rows, restored, out), *refused]))
    return 1 if errors else 0
