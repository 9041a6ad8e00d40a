"""Clean pictures in memory, and patches cut from them by number."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.decode import read_picture

# Photographs of 24 megapixels would fill any memory: each gives windows of this side instead, as
# many as the budget holds (the authors cut 480-pixel windows too).
WINDOW = 480


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


def load_bank(
    paths: Sequence[Path],
    channels: int,
    size: int,
    degrade=None,
    copies: int = 0,
    multiple: int = 1,
    skip: int = 0,
    budget: int = 1 << 30,
    on_picture=lambda: None,
) -> PatchBank:
    """Reads pictures, degrades them once where that is possible, and keeps them in memory.

    Args:
        paths: The files.
        channels: 1 for gray, 3 for RGB.
        size: Smallest side a window must have; smaller pictures are extended by reflection.
        degrade: ``(picture, copy) -> degraded`` for copy 0..copies-1, float32 pictures ``(height,
            width, channels)`` in [0, 1]; None for clean pictures alone.
        copies: Number of degraded copies of each.
        multiple: Pictures are cut to sides that are multiples of this.
        skip: Rows and columns left out at the top and left, where there is enough left.
        budget: Bytes that the windows may take.
        on_picture: Called after each file.

    Returns:
        The bank.

    Raises:
        ValueError: If no file could be read, or the budget holds not one window.
    """
    share = budget // max(len(paths), 1)
    cutter = _Cutter(channels, size, degrade, copies, multiple, skip, share)
    windows, left_out = [], []
    with ThreadPoolExecutor() as pool:
        for path, found in zip(paths, pool.map(cutter, paths), strict=True):
            if isinstance(found, str):
                left_out.append(f"{path}: {found}")
            else:
                windows.append(found)
            on_picture()
    if not windows:
        raise ValueError(f"None of {len(paths)} pictures could be read. The first: {left_out[0]}")
    flat = [window for picture, _ in windows for window in picture]
    starts = np.cumsum([0, *(window.size for window in flat[:-1])])
    return PatchBank(
        pixels=tf.constant(np.concatenate([window.reshape(-1) for window in flat])),
        starts=tf.constant(starts, tf.int64),
        sides=tf.constant([window.shape[1:3] for window in flat], tf.int32),
        planes=copies + 1,
        channels=channels,
        pictures=len(windows),
        enlarged=sum(enlarged for _, enlarged in windows),
        left_out=tuple(left_out),
    )


class _Cutter:
    """From a path to ``(windows, whether it was extended)``, or to a text that says why not."""

    def __init__(self, channels, size, degrade, copies, multiple, skip, share):
        self.channels, self.size, self.multiple, self.skip = channels, size, multiple, skip
        self.degrade, self.copies, self.share = degrade, copies, share

    def __call__(self, path):
        try:
            picture = read_picture(path, self.channels)
        except (ValueError, OSError) as error:
            return " ".join(str(error).split())
        picture = without_first(picture, self.skip, self.size)
        small = min(picture.shape[:2]) < self.size
        picture = extended(picture, self.size)
        return [self._planes(window) for window in self._windows(picture)], small

    def _windows(self, picture):
        planes = self.copies + 1
        if picture.size * planes <= self.share:
            return [picture]
        side = max(WINDOW, self.size)
        height, width = (min(side, length) for length in picture.shape[:2])
        count = int(self.share // (height * width * self.channels * planes))
        rows = _spread(picture.shape[0] - height, picture.shape[1] - width, max(count, 1))
        return [picture[row : row + height, column : column + width] for row, column in rows]

    def _planes(self, window):
        height, width = (length - length % self.multiple for length in window.shape[:2])
        if min(height, width) >= self.size:
            window = window[:height, :width]
        copies = [self.degrade(window, copy) for copy in range(self.copies)] if self.degrade else []
        return np.stack([np.rint(np.asarray(plane) * 255.0) for plane in (window, *copies)]).astype(
            np.uint8
        )


def _spread(rows, columns, count):
    """`count` corners spread evenly over a grid of ``rows + 1`` by ``columns + 1``."""
    down = max(1, min(round((count * (rows + 1) / (columns + 1)) ** 0.5), count))
    across = max(1, count // down)
    return [
        (round(rows * (i + 0.5) / down), round(columns * (j + 0.5) / across))
        for i in range(down)
        for j in range(across)
    ]


def without_first(picture, skip, side):
    """Leaves out the first `skip` rows and columns, unless a side would fall below `side`."""
    return picture[skip:, skip:] if min(picture.shape[:2]) - skip >= side else picture


def extended(picture, side):
    """Extends a picture ``(height, width, channels)`` by reflection to sides of at least `side`."""
    pad = [(0, max(0, side - length)) for length in picture.shape[:2]]
    return np.pad(picture, (*pad, (0, 0)), mode="symmetric")
