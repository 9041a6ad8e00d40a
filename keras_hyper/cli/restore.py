"""Restores a picture or a folder of pictures at the level you choose."""

import time
from pathlib import Path

from keras_hyper.cli.restore_with import add_server_arguments, restorer_for, warn_once
from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.restoration.batch import InFlight
from keras_hyper.restoration.level import AUTO, level_of, level_or_auto
from keras_hyper.restoration.resume import check_same, forget, is_done, note, settings_of
from pipelines import TASKS
from pipelines.images import MAX_PIXELS


def add_arguments(parser):
    """Adds the arguments of ``keras-hyper restore``."""
    add = parser.add_argument
    add("source", metavar="IN", type=Path, help="a picture, or a folder of pictures")
    add("out", metavar="OUT", type=Path, help="the file or folder to write")
    add("--task", required=True, choices=list(TASKS), help="what to undo")
    add(
        "--level",
        type=level_or_auto,
        required=True,
        help="noise sigma, JPEG quality, or factor; auto: noise is told by a network, the quality "
        "read from the JPEG file, and where it is none any more told by its pixels or a network",
    )
    add("--estimator", help="of --level auto: a model.keras; by default the task's that ships")
    add("--model", help="a model.keras or a run's folder; by default the one that ships")
    add("--same-size", action="store_true", help="sr: the picture is enlarged already")
    add("--tile", type=int, default=512, help="pixels that a tile adds each way, even")
    add(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="of a network here",
    )
    add("--max-pixels", type=int, default=MAX_PIXELS, help="pictures that claim more are refused")
    there = parser.add_mutually_exclusive_group()
    there.add_argument("--force", action="store_true", help="replace files that are there")
    there.add_argument(
        "--resume", action="store_true", help="pass over pictures restored since they last changed"
    )
    add_server_arguments(parser)


def job(args) -> int:
    """Restores; returns 1 if a picture had to be left out."""
    if args.tile < 2 or args.tile % 2:
        raise WrongArgumentError(f"--tile must be even and at least 2. Received: {args.tile}")
    pairs = checked(lambda: _pairs(args))
    waiting = _waiting(pairs, args)
    begun = time.perf_counter()
    told, left_out = _restore_all(waiting, args) if waiting else ({}, [])
    seconds = time.perf_counter() - begun
    if args.source.is_dir() and not left_out:
        forget(args.out)
    done = len(waiting) - len(left_out)
    there = f"; {len(pairs) - len(waiting)} were there" if len(waiting) < len(pairs) else ""
    for source in told if args.level == AUTO else ():
        print(f"{source}: {told[source]}")
    print(f"{done} of {len(pairs)} restored in {seconds:.1f} s: {args.out}{there}")
    for line in left_out:
        print(f"left out: {line}")
    return 1 if left_out else 0


def _waiting(pairs, args):
    """The pairs that are still to be done; what would be overwritten without a word is refused."""
    if args.resume:
        check_same(args.out, settings_of(args))
        return [(source, out) for source, out in pairs if not is_done(source, out)]
    there = [str(out) for _, out in pairs if out.exists()]
    if there and not args.force:
        raise WrongArgumentError(
            f"{there[0]} is there (--force replaces {len(there)} such files, --resume passes over)"
        )
    return pairs


def _restore_all(pairs, args):
    """Returns the level that each picture was restored at, and a line for each left out."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    outs, told = dict(pairs), {}
    with (
        restorer_for(args) as restorer,
        Progress(console=console, disable=not console.is_terminal) as bar,
    ):
        tell = level_of(args, restorer.channels)
        warn_once(restorer.level_range, args.level)
        if args.source.is_dir():
            note(args.out, settings_of(args))
        overall = bar.add_task("pictures", total=len(pairs))

        def one(source):
            try:
                level = _restore_file(source, outs[source], restorer, tell, args, bar)
                told[source] = level
            finally:
                bar.advance(overall)

        if len(pairs) == 1:
            one(pairs[0][0])
            return told, []
        work = InFlight(one, restorer.concurrency, restorer.of_all, restorer.close)
        errors = work.run(outs)
    # In the files' order, whichever was done first.
    told = {source: told[source] for source in outs if source in told}
    return told, [_reason(source, errors[source]) for source in outs if source in errors]


def _reason(source, error):
    text = " ".join(str(error).split()) or type(error).__name__
    return text if source.name in text else f"{source}: {text}"


def _pairs(args):
    source, out = args.source, args.out
    if source.is_dir():
        from pipelines.images import find_pictures

        if out.is_file():
            raise WrongArgumentError(f"{source} is a folder, {out} a file; a folder was wanted")
        if out.resolve() == source.resolve():
            raise WrongArgumentError(f"IN and OUT are the same folder: {out}")
        # What was restored into a folder inside IN is no picture to restore.
        inside = out.resolve()
        found = [path for path in find_pictures(source) if inside not in path.resolve().parents]
        return [(path, out / path.relative_to(source)) for path in found]
    if not source.is_file():
        raise WrongArgumentError(
            f"a picture or a folder of pictures was wanted; there is none at {source}"
        )
    if out.is_dir():
        out = out / source.name
    if out.resolve() == source.resolve():
        raise WrongArgumentError(f"IN and OUT are the same file: {out}")
    from pipelines.images import format_of

    format_of(out)
    return [(source, out)]


def _restore_file(source, out, restorer, tell, args, bar):
    """Restores one file; returns the level used."""
    from dataclasses import replace

    from pipelines.degradations.bicubic import enlarge_picture
    from pipelines.images import (
        check_holds,
        read_picture_file,
        write_picture_file,
    )

    picture = read_picture_file(source, args.max_pixels)
    pixels = picture.pixels
    # Before the work: what cannot be written need not be restored.
    check_holds(out, pixels)
    used = tell(source, pixels)
    level = used.level
    if TASKS[args.task].enlarges and not args.same_size:
        height, width = (max(1, round(side * level)) for side in pixels.shape[:2])
        if height * width > args.max_pixels:
            raise ValueError(
                f"{source}: {width}x{height} pixels after enlarging are more than the limit of "
                f"{args.max_pixels:,}"
            )
        pixels = enlarge_picture(pixels, height, width)
    line = bar.add_task(source.name, total=None)
    restored = restorer(
        pixels, level, lambda done, count: bar.update(line, completed=done, total=count)
    )
    bar.remove_task(line)
    write_picture_file(replace(picture, pixels=restored), out)
    return used
