"""The level of a call, and its map to the scalar of the generator."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops


def checked_level(level: Any, axes: int = 0) -> Any:
    """Returns a level as float32 ``()``, ``(batch,)`` or ``(batch, height, width)``.

    Args:
        level: In the task's unit.
        axes: Of several levels their number: it is then a last axis of each of these shapes.

    Raises:
        ValueError: If it has another shape, but for a last axis of 1.
    """
    level = ops.cast(ops.convert_to_tensor(level), "float32")
    shape = tuple(level.shape)
    if axes:
        if len(shape) not in (1, 2, 4) or shape[-1] != axes:
            raise ValueError(
                f"expected `level` of shape ({axes},), (batch, {axes}) or (batch, height, width, "
                f"{axes}), got {shape}"
            )
        return level
    if len(shape) in (2, 4) and shape[-1] == 1:
        return level[..., 0]
    if len(shape) not in (0, 1, 3):
        raise ValueError(
            f"expected `level` of shape (), (batch,) or (batch, height, width), got {shape}"
        )
    return level


def levels_of_batch(level: Any, batch: int, axes: int = 0) -> np.ndarray:
    """Returns the levels of a batch of images in memory, float32 with the batch first.

    Args:
        level: One for all images, one an image, or maps.
        batch: Number of images.
        axes: See `checked_level`.

    Raises:
        ValueError: If it is no number, of another shape, or of another number of images.
    """
    given, level = level, np.asarray(level)
    if level.dtype.kind in "OSU":  # None would become NaN
        raise ValueError(f"expected `level` as numbers, got {given!r}")
    level = level.astype(np.float32)
    if axes and level.shape[-1:] != (axes,):
        raise ValueError(f"expected {axes} numbers for each level, got shape {level.shape}")
    if not axes and level.ndim in (2, 4) and level.shape[-1] == 1:
        level = level[..., 0]
    if level.ndim == (1 if axes else 0):
        level = level[None]
    if len(level) not in (1, batch):
        raise ValueError(f"expected a level for each of {batch} images, got {len(level)}")
    return np.broadcast_to(level, (batch, *level.shape[1:]))


def checked_table(table: Sequence[Sequence[float]]) -> list[list[float]]:
    """Returns the points ``[level, scalar]`` of a table as floats.

    Raises:
        ValueError: If it has one point, levels do not ascend, or scalars are not monotone.
    """
    points = [[float(level), float(scalar)] for level, scalar in table]
    levels, steps = [point[0] for point in points], []
    for before, after in zip(points, points[1:], strict=False):
        steps.append(after[1] - before[1])
    monotone = all(step >= 0 for step in steps) or all(step <= 0 for step in steps)
    if len(points) == 1 or levels != sorted(set(levels)) or not monotone:
        raise ValueError(f"expected levels that ascend and monotone scalars, got {points}")
    return points


def interpolated(level: Any, table: Sequence[Sequence[float]]) -> Any:
    """Returns the scalar at a level, linear between the points and beyond the outer two.

    Args:
        level: A number or a tensor, in the unit of the table.
        table: Two or more points ``(level, scalar)``, levels ascending.
    """
    level = ops.convert_to_tensor(level, "float32")
    slopes = [
        (after[1] - before[1]) / (after[0] - before[0])
        for before, after in zip(table, table[1:], strict=False)
    ]
    scalar = table[0][1] + slopes[0] * (level - table[0][0])
    # At each inner point the slope changes.
    for (knot, _), before, after in zip(table[1:], slopes, slopes[1:], strict=False):
        scalar = scalar + (after - before) * ops.relu(level - knot)
    return scalar
