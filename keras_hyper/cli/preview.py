"""Writes one sheet of a picture restored at several levels, with the command for each."""

import argparse
import shlex
from pathlib import Path

import numpy as np

from keras_hyper.cli.sheet import draw_sheet
from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.restoration.engines import add_engine
from keras_hyper.restoration.gray import open_networks
from keras_hyper.restoration.level import AUTO, chosen_level, level_choice, level_or_auto
from pipelines import TASKS, Task
from pipelines.images import MAX_PIXELS, middle, read_picture_file

# Strengths of the five levels, relative to the middle one.
FACTORS = (0.5, 0.75, 1.0, 1.5, 2.0)
# Enough context around the crop for the network and the estimator.
MARGIN = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper preview``."""
    add = parser.add_argument
    add("source", metavar="IN", type=Path, help="a picture")
    add("out", metavar="OUT", type=Path, nargs="?", default=Path("preview.png"),
        help="the sheet; by default preview.png")  # fmt: skip
    tasks = [name for name, task in TASKS.items() if not (task.enlarges or task.axes)]
    add("--task", choices=tasks, default="denoise", help="the degradation to remove")
    add("--level", type=level_or_auto, default=AUTO, help="the middle level; by default auto")
    add("--model", help="a model.keras, a run's folder; by default the one that ships")
    add("--estimator", help="of --level auto: a model.keras; by default the one that ships")
    add_engine(parser)
    add("--at", type=float, nargs=2, metavar=("X", "Y"), default=(0.5, 0.5),
        help="middle of the crop, as shares of width and height")  # fmt: skip
    add("--side", type=int, default=320, help="of the crop in pixels")


def job(args: argparse.Namespace) -> None:
    """Writes the sheet and prints the commands."""
    task = TASKS[args.task]
    if not (args.side >= 16 and all(0 <= share <= 1 for share in args.at)):
        raise WrongArgumentError(
            f"expected --side of 16 and up and --at in 0..1, got {args.side} and {args.at}"
        )
    args.level = chosen_level([args.level], task)
    pixels = read_picture_file(args.source, MAX_PIXELS).pixels
    restorer = checked(lambda: open_networks(args.task, args.model, engine=args.engine))
    choose = level_choice(task, args.level, args.estimator, restorer.channels, engine=args.engine)
    used = choose(args.source, pixels)
    if used is None:
        raise ValueError(f"{args.source}: no {task.label} was found; give one, such as --level 20")
    crop = _crop(pixels, args.at, args.side + 2 * MARGIN)
    cells, lines = [("as it is", _shown(crop, args.side))], [str(args.out)]
    command = ["keras-hyper", "restore", str(args.source), "OUT", "--task", args.task, "--level"]
    own = {"--model": args.model, "--plugin": args.plugin}
    model = [word for pair in own.items() if pair[1] for word in map(str, pair)]
    for level in levels_around(task, used.level):
        restored = restorer.restore(crop, level)
        estimated = level == used.level and args.level == AUTO
        label = f"level {level:.3g}" + ", estimated" * estimated
        cells.append((label, _shown(restored, args.side)))
        words = shlex.join([*command, f"{level:.3g}", *model])
        lines.append(words + "  # estimated" * estimated)
    draw_sheet(cells, 3, args.side, args.out)
    print("\n".join(lines))


def levels_around(task: Task, level: float) -> list[float]:
    """Returns the levels at `FACTORS` of a level's strength; the task's own if those are equal."""
    scaled = [float(task.scaled_level(level, factor)) for factor in FACTORS]
    scaled[FACTORS.index(1.0)] = level  # without the error of interpolation
    return scaled if len(set(scaled)) == len(FACTORS) else list(task.all_levels[: len(FACTORS)])


def _crop(pixels, at, side):
    """A crop around a point, inside the picture, at even offsets."""
    for axis, share in enumerate(reversed(at)):
        length = pixels.shape[axis]
        first = int(np.clip(share * length - side / 2, 0, max(0, length - side))) // 2 * 2
        pixels = pixels.take(range(first, min(length, first + side)), axis=axis)
    return pixels


def _shown(pixels, side):
    from keras_hyper.restoration.kinds import split_alpha, to_float, to_type

    pixels, _ = split_alpha(middle(pixels, side))
    pixels = np.broadcast_to(to_float(pixels), (*pixels.shape[:2], 3))
    return to_type(pixels, np.dtype(np.uint8))
