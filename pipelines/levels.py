"""Which levels a network is trained on: a list, or samples of a range."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

    from pipelines.task import TrainableTask


@dataclass(frozen=True)
class Levels:
    """The levels of every training step.

    Args:
        fixed: The levels of a list, in the task's unit; empty for a range.
        low: Lowest level.
        high: Highest level.
        num_levels: Number of levels of a step.
    """

    fixed: tuple[float, ...]
    low: float
    high: float
    num_levels: int

    def at_step(self, seed: int, step: "int | tf.Tensor") -> "tf.Tensor":
        """Returns the levels of one step, float32 ``(num_levels,)``.

        A range is split into `num_levels` equal strata with one uniform sample in each, so
        that every step has weak and strong degradation alike.
        """
        import tensorflow as tf

        if self.fixed:
            return tf.constant(self.fixed, tf.float32)
        offset = tf.random.stateless_uniform((self.num_levels,), (seed, step))
        stratum = (tf.range(self.num_levels, dtype=tf.float32) + offset) / self.num_levels
        return self.low + (self.high - self.low) * stratum

    def spread(self) -> tuple[float, ...]:
        """Returns k levels to validate at: the list, or the middles of the range's strata."""
        if self.fixed:
            return self.fixed
        width = (self.high - self.low) / self.num_levels
        return tuple(self.low + width * (index + 0.5) for index in range(self.num_levels))

    def names(self) -> list[str]:
        """Returns the names of the k levels in logs: the level, or its stratum's bounds."""
        if self.fixed:
            return [f"{level:g}" for level in self.fixed]
        width = (self.high - self.low) / self.num_levels
        bounds = [self.low + width * index for index in range(self.num_levels + 1)]
        return [f"{low:.4g}-{high:.4g}" for low, high in zip(bounds, bounds[1:], strict=False)]

    def __str__(self):
        if self.fixed:
            return " ".join(f"{level:g}" for level in self.fixed)
        return f"{self.low:g}:{self.high:g}, {self.num_levels} levels a step"


def parse_levels(
    words: Sequence[float | str] | None, task: "TrainableTask", num_levels: int = 4
) -> Levels:
    """Reads levels as the command line gives them.

    Args:
        words: Numbers (``["15", "35"]``), or one range (``["5:90"]``); None for the task's own.
        task: The `Task` whose unit they are in.
        num_levels: Number of levels that a step samples from a range.

    Returns:
        The levels, a list in ascending order.

    Raises:
        ValueError: If a word is no number, a level is out of bounds, or the range is empty.
    """
    texts = [str(word) for word in (words or task.levels)]
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
