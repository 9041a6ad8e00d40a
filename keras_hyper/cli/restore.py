"""Restores a picture or a folder of pictures at the level you choose."""

import sys
import time
import warnings
from pathlib import Path

from keras_hyper.cli.load import load_hyper_res
from keras_hyper.cli.one_line import WrongArgumentError, checked
from keras_hyper.cli.told_level import AUTO, level_of, level_or_auto
from pipelines import TASKS


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
        "read from the JPEG file",
    )
    add("--estimator", default="estimate", help="of --level auto: a model.keras or one that ships")
    add("--model", help="a model.keras or a run's folder; by default the one that ships")
    add("--same-size", action="store_true", help="sr: the picture is enlarged already")
    add("--tile", type=int, default=512, help="pixels that a tile adds each way, even")
    add(
        "--precision", choices=["auto", "float32", "bfloat16"], default="auto", help="of the layers"
    )
    add("--max-pixels", type=int, default=178_956_970, help="pictures that claim more are refused")
    add("--force", action="store_true", help="replace files that are there")


def job(args) -> int:
    """Restores; returns 1 if a picture had to be left out."""
    if args.tile < 2 or args.tile % 2:
        raise WrongArgumentError(f"--tile must be even and at least 2. Received: {args.tile}")
    pairs = checked(lambda: _pairs(args))
    there = [str(out) for _, out in pairs if out.exists()]
    if there and not args.force:
        raise WrongArgumentError(f"{there[0]} is there (--force replaces {len(there)} such files)")
    model = load_hyper_res(args.model or args.task).with_precision(args.precision)
    if model.task and model.task != args.task:
        raise WrongArgumentError(
            f"a model for {args.task} was wanted; this one is for {model.task}"
        )
    tell = level_of(args, model.channels)
    _warn_once(model, args.level)
    begun = time.perf_counter()
    told, left_out = _restore_all(pairs, model, tell, args)
    seconds = time.perf_counter() - begun
    done = len(pairs) - len(left_out)
    for source, level in told if args.level == AUTO else ():
        print(f"{source}: level {level:.3g}")
    print(f"{done} of {len(pairs)} restored in {seconds:.1f} s: {args.out}")
    for line in left_out:
        print(f"left out: {line}")
    return 1 if left_out else 0


def _restore_all(pairs, model, tell, args):
    """Returns each file with the level used, and a line for each that was left out."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    told, left_out = [], []
    with Progress(console=console, disable=not console.is_terminal) as bar:
        overall = bar.add_task("pictures", total=len(pairs))
        for source, out in pairs:
            try:
                told.append((source, _restore_file(source, out, model, tell, args, bar)))
            except (ValueError, OSError, MemoryError) as error:
                if len(pairs) == 1:
                    raise
                left_out.append(_reason(source, error))
            bar.advance(overall)
    return told, left_out


def _reason(source, error):
    text = " ".join(str(error).split()) or type(error).__name__
    return text if source.name in text else f"{source}: {text}"


def _warn_once(model, level):
    low, high = model.level_range
    # A level that was told is nearer than the range's end where it lies outside, and needs no word.
    if level != AUTO and not low <= level <= high:
        # One line before the work instead of Python's two, with the file's name, at every picture.
        print(
            f"keras-hyper: level {level:g} is outside the range trained on, {low:g} to {high:g}",
            file=sys.stderr,
        )
    warnings.filterwarnings("ignore", message=".*outside the range trained on")


def _pairs(args):
    source, out = args.source, args.out
    if source.is_dir():
        from pipelines.decode import find_pictures

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
    from keras_hyper.picture_files import format_of

    format_of(out)
    return [(source, out)]


def _restore_file(source, out, model, tell, args, bar):
    """Restores one file; returns the level used."""
    from dataclasses import replace

    from keras_hyper.picture_files import check_holds, read_picture_file, write_picture_file
    from keras_hyper.restoration import restore
    from pipelines.bicubic import enlarge_picture

    picture = read_picture_file(source, args.max_pixels)
    pixels = picture.pixels
    # Before the work: what cannot be written need not be restored.
    check_holds(out, pixels)
    level = tell(source, pixels)
    if TASKS[args.task].enlarges and not args.same_size:
        height, width = (max(1, round(side * level)) for side in pixels.shape[:2])
        if height * width > args.max_pixels:
            raise ValueError(
                f"{source}: {width}x{height} pixels after enlarging are more than the limit of "
                f"{args.max_pixels:,}"
            )
        pixels = enlarge_picture(pixels, height, width)
    line = bar.add_task(source.name, total=None)
    restored = restore(
        pixels,
        level,
        model,
        tile=args.tile,
        on_tile=lambda done, count: bar.update(line, completed=done, total=count),
    )
    bar.remove_task(line)
    write_picture_file(replace(picture, pixels=restored), out)
    return level
