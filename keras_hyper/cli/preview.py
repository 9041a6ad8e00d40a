"""Writes one sheet of a picture restored at several levels, with the command for each."""

import argparse
import shlex
import warnings
from pathlib import Path

import numpy as np

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.restoration.engines import add_engine
from keras_hyper.restoration.gray import open_networks
from keras_hyper.restoration.kinds import outside_range
from keras_hyper.restoration.level import (
    AUTO,
    automatic_tasks,
    chosen_level,
    level_choice,
    level_or_auto,
)
from keras_hyper.restoration.preview import (
    MARGIN,
    crop_around,
    draw_sheet,
    levels_around,
    shown,
)
from pipelines import TASKS
from pipelines.images import MAX_PIXELS, read_picture_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper preview``."""
    add = parser.add_argument
    add("source", metavar="IN", type=Path, help="a picture")
    add("out", metavar="OUT", type=Path, nargs="?", default=Path("preview.png"),
        help="the sheet; by default preview.png")  # fmt: skip
    tasks = [name for name, task in TASKS.items() if not task.enlarges]
    add(
        "--task",
        choices=tasks,
        help="the degradation to remove; by default what the picture needs, or camera noise",
    )
    add("--level", type=level_or_auto, action="append", help="the middle level; of several axes "
        "noise=15 jpeg=40; by default auto")  # fmt: skip
    add("--model", help="a model.keras, a run's folder; by default the one that ships")
    add("--estimator", help="of --level auto: a model.keras; by default the one that ships")
    add_engine(parser)
    add("--at", type=float, nargs=2, metavar=("X", "Y"), default=(0.5, 0.5),
        help="middle of the crop, as shares of width and height")  # fmt: skip
    add("--side", type=int, default=320, help="of the crop in pixels")


def job(args: argparse.Namespace) -> None:
    """Writes the sheet and prints the commands."""
    if not (args.side >= 16 and all(0 <= share <= 1 for share in args.at)):
        raise WrongArgumentError(
            f"expected --side of 16 and up and --at in 0..1, got {args.side} and {args.at}"
        )
    if not args.task and (args.level or args.model or args.estimator):
        raise WrongArgumentError("expected --task with --level, --model and --estimator")
    pixels = read_picture_file(args.source, MAX_PIXELS).pixels
    task = TASKS[args.task] if args.task else _needed(args.source, pixels, args.engine)
    args.level = chosen_level(args.level, task)
    restorer = checked(lambda: open_networks(task.name, args.model, engine=args.engine))
    choose = level_choice(task, args.level, args.estimator, restorer.channels, engine=args.engine)
    used = choose(args.source, pixels)
    if used is None:
        example = " ".join(_words(task, task.all_levels[len(task.all_levels) // 2]))
        raise ValueError(
            f"{args.source}: no {task.label} was found; give it, such as --level {example}"
        )
    crop = crop_around(pixels, args.at, args.side + 2 * MARGIN)
    cells, lines = [("as it is", shown(crop, args.side))], [str(args.out)]
    command = ["keras-hyper", "restore", str(args.source), "OUT", "--task", task.name, "--level"]
    own = {"--model": args.model, "--plugin": args.plugin}
    model = [word for pair in own.items() if pair[1] for word in map(str, pair)]
    # Said of each level below, instead of a warning.
    warnings.filterwarnings("ignore", message=".*outside the range trained on")
    for level in levels_around(task, used.level):
        restored = restorer.restore(crop, level)
        estimated = level == used.level and args.level == AUTO
        words = _words(task, level)
        label = " ".join(words if task.axes else ["level", *words]) + ", estimated" * estimated
        cells.append((label, shown(restored, args.side)))
        remark = "  # estimated" * estimated
        remark += ": restore leaves the picture as it is" * (estimated and not used.needed)
        if outside_range(level, restorer.level_range):
            remark += f"{', ' if remark else '  # '}outside the range trained on"
        lines.append(shlex.join([*command, *words, *model]) + remark)
    draw_sheet(cells, 3, args.side, args.out)
    print("\n".join(lines))


def _needed(path, pixels, engine):
    """The task that the picture needs most clearly; that of camera noise if it needs none."""
    for task in automatic_tasks():
        used = level_choice(task, AUTO, chosen=False, engine=engine)(path, pixels)
        if used and used.needed:
            return task
    return TASKS["photo"]


def _words(task, level):
    """A level as the words of ``--level``."""
    names = [f"{axis.name}=" for axis in task.axes] or [""]
    return [f"{name}{one:.3g}" for name, one in zip(names, np.ravel(level), strict=True)]
