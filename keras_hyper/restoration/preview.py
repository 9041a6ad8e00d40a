"""Sheets of labelled pictures, and the levels and crops of ``keras-hyper preview``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_hyper.restoration.kinds import split_alpha, to_float, to_type
from pipelines import Task
from pipelines.images import middle

# Strengths of the five levels, relative to the middle one.
FACTORS = (0.5, 0.75, 1.0, 1.5, 2.0)
# Pixels around the crop: enough context for the network and the estimator.
MARGIN = 64
EDGE = 22  # height of a label in pixels


def levels_around(task: Task, level: Any) -> list[Any]:
    """Returns the levels at `FACTORS` of a level's strength, of several axes those of each.

    Where those are equal they are the weakest levels of the task's reports. If the task's levels
    cannot be scaled, they are this level and those of the task's own that are nearest to it.
    """
    number = len(FACTORS)
    if not task.scales:
        others = [other for other in task.all_levels if other != level]
        others.sort(key=lambda other: np.linalg.norm(np.subtract(other, level) / task.level_scale))
        return sorted([level, *others[: number - 1]])
    scaled = [task.scaled_level(level, factor) for factor in FACTORS]
    scaled[FACTORS.index(1.0)] = level  # without the error of interpolation
    if len(set(scaled)) == number:
        return scaled
    weakest = [sorted(part.all_levels, reverse=not part.rising)[:number] for part in task.parts]
    return list(zip(*weakest, strict=True)) if task.axes else weakest[0]


def crop_around(pixels: np.ndarray, at: tuple[float, float], side: int) -> np.ndarray:
    """Returns a crop around a point, inside the picture, at even offsets.

    Args:
        pixels: ``(height, width, channels)``.
        at: The point, as shares of width and height.
        side: Maximum width and height in pixels.
    """
    for axis, share in enumerate(reversed(at)):
        length = pixels.shape[axis]
        first = int(np.clip(share * length - side / 2, 0, max(0, length - side))) // 2 * 2
        pixels = pixels.take(range(first, min(length, first + side)), axis=axis)
    return pixels


def shown(pixels: np.ndarray, side: int) -> np.ndarray:
    """Returns the middle of a picture of any kind as RGB of 8 bits, each side at most `side`."""
    pixels, _ = split_alpha(middle(pixels, side))
    pixels = np.broadcast_to(to_float(pixels), (*pixels.shape[:2], 3))
    return to_type(pixels, np.dtype(np.uint8))


def draw_sheet(cells: Sequence[tuple[str, np.ndarray]], columns: int, side: int, out: Path) -> None:
    """Writes one picture of labelled pictures.

    Args:
        cells: Label and picture, uint8 ``(height, width, 3)``, row by row.
        columns: Number of pictures in a row.
        side: Width and height of a cell in pixels, without the label.
        out: The file; its suffix names the format.
    """
    from PIL import Image, ImageDraw, ImageFont

    size = columns * side, -(-len(cells) // columns) * (side + EDGE)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for index, (label, part) in enumerate(cells):
        left, top = index % columns * side, index // columns * (side + EDGE)
        draw.text((left + 4, top + 2), label, fill="black", font=font)
        sheet.paste(Image.fromarray(part), (left, top + EDGE))
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out)
