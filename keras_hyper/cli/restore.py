"""Restores a picture or a folder of pictures at the level you choose."""

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.restoration import folder
from keras_hyper.restoration.level import AUTO, level_choice, level_or_auto
from keras_hyper.restoration.restorer import open_restorer
from pipelines import TASKS
from pipelines.images import MAX_PIXELS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper restore``."""
    add = parser.add_argument
    add("source", metavar="IN", type=Path, help="a picture, or a folder of pictures")
    add("out", metavar="OUT", type=Path, help="the file or folder to write")
    add("--task", required=True, choices=list(TASKS), help="what to undo")
    add("--level", type=level_or_auto, required=True, help="noise sigma, JPEG quality, or factor; "
        "auto estimates it from each picture")  # fmt: skip
    add("--estimator", help="of --level auto: a model.keras; by default the one that ships")
    add(
        "--model", help="a model.keras, a run's folder, a SavedModel; by default the one that ships"
    )
    add("--same-size", action="store_true", help="sr: the picture is enlarged already")
    add("--tile", type=int, default=512, help="tile size in pixels, even, without the margin")
    add("--precision", choices=["auto", "float32", "bfloat16"], default="auto", help="of layers")
    add("--max-pixels", type=int, default=MAX_PIXELS, help="pictures with more are refused")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--force", action="store_true", help="replace existing files")
    existing.add_argument("--resume", action="store_true",
                          help="skip pictures restored since they last changed")  # fmt: skip
    add = parser.add_argument_group("on a server", "TF-Serving or `keras-hyper serve`").add_argument
    add("--server", metavar="HOST:PORT", help="its gRPC address")
    add("--server-model", metavar="NAME", help="the model there; by default named as the task")
    add("--concurrency", type=int, default=4, help="pictures, and calls, at once")
    add("--compress", action="store_true", help="send 8-bit pictures as PNG: fewer bytes")
    add("--timeout", type=float, default=60.0, help="seconds that a tile may take")
    add("--halo", type=int, help="margin in pixels, for models that do not state it")
    add("--tls", action="store_true", help="encrypt; the certificate must be known here")
    add("--tls-ca", type=Path, metavar="PEM", help="encrypt; the authority of the server")
    add("--tls-cert", type=Path, metavar="PEM", help="this client's certificate")
    add("--tls-key", type=Path, metavar="PEM", help="its key")


def job(args: argparse.Namespace) -> int:
    """Restores; returns 1 if a picture was skipped because of an error."""
    if args.tile < 2 or args.tile % 2:
        raise WrongArgumentError(f"expected an even --tile of at least 2, got {args.tile}")
    if args.server and args.model:
        raise WrongArgumentError("expected --server (with --server-model) or --model, got both")
    pairs = checked(lambda: folder.find_pairs(args.source, args.out))
    settings = {"task": args.task, "level": args.level, "same_size": args.same_size,
                "model": str(args.server_model or args.model or args.task)}  # fmt: skip
    waiting = folder.pending(pairs, args.out, settings, args.resume, args.force)
    begun = time.perf_counter()
    used, errors = _restore_all(dict(waiting), settings, args) if waiting else ({}, {})
    seconds = time.perf_counter() - begun
    if args.source.is_dir() and not errors:
        folder.remove_record(args.out)
    if args.level == AUTO:
        for source in (source for source, _ in waiting if source in used):
            print(f"{source}: {used[source]}")
    existing = f"; {len(pairs) - len(waiting)} existed" if len(waiting) < len(pairs) else ""
    print(f"{len(used)} of {len(pairs)} restored in {seconds:.1f} s: {args.out}{existing}")
    for source in (source for source, _ in waiting if source in errors):
        text = " ".join(str(errors[source]).split()) or type(errors[source]).__name__
        print(f"skipped: {text if source.name in text else f'{source}: {text}'}")
    return 1 if errors else 0


def _restore_all(targets, settings, args):
    """Returns the levels used and the errors, by picture."""
    from rich.console import Console
    from rich.progress import Progress

    console, task, used = Console(stderr=True), TASKS[args.task], {}
    bar = Progress(console=console, disable=not console.is_terminal)
    with _open(args) as restorer, bar:
        choose = level_choice(task, args.level, args.estimator, restorer.channels)
        _warn_once(restorer.level_range, args.level)
        if args.source.is_dir():
            folder.write_record(args.out, settings)
        overall = bar.add_task("pictures", total=len(targets))

        def restore_one(source):
            line = bar.add_task(source.name, total=None)
            try:
                used[source] = folder.restore_file(
                    source, targets[source], restorer, choose, task, same_size=args.same_size,
                    max_pixels=args.max_pixels, tile=args.tile,
                    on_tile=lambda done, count: bar.update(line, completed=done, total=count),
                )  # fmt: skip
            finally:
                bar.remove_task(line)
                bar.advance(overall)

        if args.source.is_dir():
            return used, folder.restore_many(targets, restore_one, restorer)
        restore_one(args.source)
        return used, {}


def _open(args):
    if not args.server:
        return open_restorer(args.model or args.task, args.task, args.precision)
    options: dict[str, Any] = {"compress": args.compress, "halo": args.halo}
    options |= {"concurrency": args.concurrency, "timeout": args.timeout}
    files = (args.tls_ca, args.tls_cert, args.tls_key)
    if args.tls or any(files):
        from keras_hyper.serving.client import tls

        options["credentials"] = checked(lambda: tls(*files))
    name = f"{args.server}/{args.server_model or args.task}"
    return open_restorer(name, args.task, **options)


def _warn_once(trained_on, level):
    """One line before the work for a level outside the range, instead of a warning a picture."""
    low, high = trained_on
    if level != AUTO and not low <= level <= high:
        print(
            f"keras-hyper: level {level:g} is outside the range trained on, {low:g} to {high:g}",
            file=sys.stderr,
        )
    warnings.filterwarnings("ignore", message=".*outside the range trained on")
