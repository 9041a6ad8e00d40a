"""Which levels a network is trained on: a list, or samples of a range."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

    from pipelines.task import TrainableTask


@dataclass(frozen=True)
class Levels:
    """The levels of every training step: numbers, or with several axes tuples of one an axis.

    Args:
        fixed: The levels of a list, in the task's unit; empty for a range.
        low: Lowest level; with several axes the lowest of each.
        high: Highest level, likewise.
        num_levels: Number of levels of a step.
        axes: Names of the axes; empty for one level.
    """

    fixed: tuple[Any, ...]
    low: Any
    high: Any
    num_levels: int
    axes: tuple[str, ...] = ()

    def at_step(self, seed: int, step: "int | tf.Tensor") -> "tf.Tensor":
        """Returns the levels of one step, float32 ``(num_levels,)`` or ``(num_levels, axes)``.

        A range is split into `num_levels` equal strata with one uniform sample in each, so
        that every step has weak and strong degradation alike. With several axes the strata are
        the cells of a grid.
        """
        import tensorflow as tf

        if self.fixed:
            return tf.constant(self.fixed, tf.float32)
        first, counts = self._strata()
        offset = tf.random.stateless_uniform(first.shape, (seed, step))
        width = np.subtract(self.high, self.low)
        return self.low + width * ((first.astype(np.float32) + offset) / np.float32(counts))

    def _strata(self):
        """The position of each stratum in the grid, and the number of strata along each axis."""
        if not self.axes:
            return np.arange(self.num_levels), self.num_levels
        counts, left = [], self.num_levels
        for axes in range(len(self.axes), 1, -1):  # as equal as the divisors are
            most = round(left ** (1 / axes))
            counts.append(next(count for count in range(most, 0, -1) if left % count == 0))
            left //= counts[-1]
        counts.append(left)
        return np.argwhere(np.ones(counts)), np.array(counts)

    def spread(self) -> tuple[Any, ...]:
        """Returns k levels to validate at: the list, or the middles of the range's strata."""
        if self.fixed:
            return self.fixed
        first, counts = self._strata()
        width = np.subtract(self.high, self.low) / counts
        middles = (self.low + width * (first + 0.5)).tolist()
        return tuple(map(tuple, middles)) if self.axes else tuple(middles)

    def names(self) -> list[str]:
        """Returns the names of the k levels in logs: the level, or its stratum's bounds."""
        if self.fixed:
            texts = [[f"{one:g}" for one in np.ravel(level)] for level in self.fixed]
        else:
            first, counts = self._strata()
            width = np.subtract(self.high, self.low) / counts
            bounds = zip(self.low + width * first, self.low + width * (first + 1), strict=True)
            texts = [
                [f"{low:.4g}-{high:.4g}" for low, high in zip(*map(np.ravel, both), strict=True)]
                for both in bounds
            ]
        names = self.axes or ("",)
        return ["_".join(map("".join, zip(names, text, strict=True))) for text in texts]

    def __str__(self):
        if self.fixed:
            separator = ", " if self.axes else " "
            return separator.join(level_text(level, self.axes) for level in self.fixed)
        ends = zip(np.ravel(self.low), np.ravel(self.high), strict=True)
        ranges = [f"{low:g}:{high:g}" for low, high in ends]
        names = [f"{name}=" for name in self.axes] or [""]
        text = " ".join(map("".join, zip(names, ranges, strict=True)))
        return f"{text}, {self.num_levels} levels a step"


def level_text(level: float | Sequence[float], axes: Sequence[str] = ()) -> str:
    """Returns a level in words.

    Args:
        level: A number, or one for each axis.
        axes: Names of the axes; without them several numbers stand alone.

    Example:
        >>> level_text(25.0), level_text((15.0, 40.0), ("noise", "jpeg"))
        ('25', 'noise=15 jpeg=40')
    """
    names = [f"{name}=" for name in axes] or [""] * np.size(level)
    return " ".join(f"{name}{one:g}" for name, one in zip(names, np.ravel(level), strict=True))


def level_number(level: float | Sequence[float]) -> int:
    """Returns a whole number for a level, as the seed of its noise: thousandths of it."""
    numbers = [round(float(one) * 1000) for one in np.ravel(level)]
    return sum(number * 10 ** (6 * axis) for axis, number in enumerate(numbers)) % 2**62


def parse_levels(
    words: Sequence[float | str] | None, task: "TrainableTask", num_levels: int = 4
) -> Levels:
    """Reads levels as the command line gives them.

    Args:
        words: Numbers (``["15", "35"]``), or one range (``["5:90"]``). With several axes a list or
            a range for each (``["noise=15,25", "jpeg=40"]``): all combinations of the lists. None,
            or an axis that is not there: the task's own.
        task: The `Task` whose unit they are in.
        num_levels: Number of levels that a step samples from a range.

    Returns:
        The levels, a list in ascending order.

    Raises:
        ValueError: If a word is no number, a level is out of bounds, or the range is empty.
    """
    if not task.axes:
        return _parsed(words or task.levels, task, num_levels)
    own: dict[str, Any] = {axis.name: axis.levels for axis in task.axes}
    if words:
        own |= {name: text.split(",") for name, text in named(words, task.axes, "--levels").items()}
    parts = [_parsed(own[axis.name], axis, num_levels) for axis in task.axes]
    fixed = tuple(itertools.product(*(part.fixed for part in parts)))
    if not fixed and any(part.fixed for part in parts):
        raise ValueError(
            f"task {task.name}: expected a list for every axis, or a range for every axis, got "
            + " ".join(map(str, words or ()))
        )
    low, high = (tuple(getattr(part, name) for part in parts) for name in ("low", "high"))
    return Levels(fixed, low, high, len(fixed) or num_levels, tuple(own))


def named(words: Sequence[Any], axes: Sequence[Any], option: str) -> dict[str, str]:
    """Splits words such as ``noise=15``, also ``noise=15 jpeg=40`` in one word, by axis.

    Raises:
        ValueError: If a word has no name, or an unknown one, or a name comes twice.
    """
    known = [axis.name for axis in axes]
    pairs = [word.partition("=") for words_of_one in words for word in str(words_of_one).split()]
    names = [name for name, _, value in pairs if value]
    if len(names) < len(pairs) or not set(names) <= set(known) or len(set(names)) < len(names):
        example = " ".join(f"{name}=..." for name in known)
        raise ValueError(f"expected {option} {example}, got {' '.join(map(str, words))}")
    return {name: value for name, _, value in pairs}


def _parsed(words, task, num_levels):
    texts = [str(word) for word in words]
    if len(texts) == 1 and ":" in texts[0]:
        low, high = (_level(word, task) for word in texts[0].split(":", 1))
        if not low < high:
            raise ValueError(f"expected a range LOW:HIGH with LOW < HIGH, got {texts[0]}")
        return Levels((), low, high, num_levels)
    levels = tuple(sorted({_level(word, task) for word in texts}))
    if len(levels) != len(texts):
        raise ValueError(f"expected every level once, got {' '.join(texts)}")
    return Levels(levels, levels[0], levels[-1], len(levels))


def _level(word, task):
    try:
        level = float(word)
    except ValueError:
        raise ValueError(
            f"expected a level as a number, or one range LOW:HIGH, got {word!r}"
        ) from None
    return task.check_level(level)
