"""Patches cut by number from pictures that are held in memory."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class PatchBank:
    """Windows of pictures, each with its planes: the clean one, then degraded copies.

    Args:
        pixels: uint8, all windows one after the other, each ``(planes, height, width, channels)``.
        starts: int64 ``(windows,)``, where each begins in `pixels`.
        sides: int32 ``(windows, 2)``, height and width of each.
        planes: Number of planes of every window.
        channels: 1 or 3.
        pictures: Number of pictures they come from.
        enlarged: How many pictures were smaller than the patch and extended by reflection.
        left_out: One line for each file that could not be read.
    """

    pixels: tf.Tensor
    starts: tf.Tensor
    sides: tf.Tensor
    planes: int
    channels: int
    pictures: int
    enlarged: int
    left_out: tuple[str, ...]

    @property
    def windows(self) -> int:
        """How many windows there are."""
        return int(self.starts.shape[0])

    def patch(self, index, size: int, seed: int) -> tf.Tensor:
        """Cuts patch number `index` of the endless sequence that `seed` names.

        Every pass over the windows takes each once, in an order of its own; position, flips and
        transposition are drawn anew. A pure function of its arguments, so that a run can be
        resumed at any step.

        Args:
            index: int64 ``()``, 0 and up.
            size: Side of the patch in pixels.
            seed: Names the sequence.

        Returns:
            uint8 ``(planes, size, size, channels)``.
        """
        index = tf.cast(index, tf.int64)
        number, passed = index % self.windows, index // self.windows
        window = tf.random.experimental.index_shuffle(
            number, tf.stack([tf.constant(seed, tf.int64), passed]), self.windows - 1
        )
        draws = tf.random.stateless_uniform((5,), tf.stack([tf.constant(seed, tf.int64), index]))
        height, width = tf.unstack(tf.gather(self.sides, window))
        row = _position(draws[0], height - size)
        column = _position(draws[1], width - size)
        planes = tf.stack(
            [
                self._cut(tf.gather(self.starts, window), plane, height, width, row, column, size)
                for plane in range(self.planes)
            ]
        )
        return _turned(planes, draws[2:])

    def _cut(self, start, plane, height, width, row, column, size):
        stride = tf.cast(width * self.channels, tf.int64)
        first = start + stride * tf.cast(plane * height + row, tf.int64)
        rows = tf.slice(self.pixels, [first], [stride * size])
        rows = tf.reshape(rows, (size, width, self.channels))
        return tf.slice(rows, (0, column, 0), (size, size, self.channels))


def _position(draw, room):
    # A draw just below 1 rounds up to room + 1 in float32 for very wide pictures.
    return tf.minimum(tf.cast(draw * tf.cast(room + 1, tf.float32), tf.int32), room)


def _turned(planes, draws):
    """Flips and transposes ``(planes, size, size, channels)``, each with one half."""
    planes = tf.cond(draws[0] < 0.5, lambda: planes, lambda: planes[:, ::-1])
    planes = tf.cond(draws[1] < 0.5, lambda: planes, lambda: planes[:, :, ::-1])
    return tf.cond(draws[2] < 0.5, lambda: planes, lambda: tf.transpose(planes, (0, 2, 1, 3)))
