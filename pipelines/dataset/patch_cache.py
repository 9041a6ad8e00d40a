"""Windows of pictures in memory, from which training patches are cut by index."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.images import read_picture

# Large photographs give windows of this side instead, as many as the budget holds (the authors cut
# 480-pixel windows too).
WINDOW = 480


@dataclass(frozen=True)
class PatchCache:
    """Windows of pictures: each holds the clean pixels, then those of every level.

    Args:
        pixels: uint8, all windows one after the other, each ``(1 + num_levels, height, width,
            channels)``.
        starts: int64 ``(windows,)``, where each begins in `pixels`.
        sides: int32 ``(windows, 2)``, height and width of each.
        num_levels: Number of degraded versions of every window; 0 if only clean ones are kept.
        channels: 1 or 3.
        pictures: Number of pictures they come from.
        enlarged: Number of pictures smaller than the patch, which were extended by reflection.
        skipped: One line for each file that could not be read.
    """

    pixels: tf.Tensor
    starts: tf.Tensor
    sides: tf.Tensor
    num_levels: int
    channels: int
    pictures: int
    enlarged: int
    skipped: tuple[str, ...]

    @property
    def windows(self) -> int:
        """Number of windows."""
        return int(self.starts.shape[0])

    def patch(self, index: int | tf.Tensor, size: int, seed: int) -> tf.Tensor:
        """Cuts patch number `index` of the endless sequence that `seed` names.

        Every pass over the windows takes each once, in a new order. Position, flips and
        transposition are random. A pure function of its arguments, so that a run can be resumed at
        any step.

        Args:
            index: int64 ``()``, 0 and up.
            size: Side of the patch in pixels.
            seed: Names the sequence.

        Returns:
            uint8 ``(1 + num_levels, size, size, channels)``.
        """
        index = tf.cast(index, tf.int64)
        number, passed = index % self.windows, index // self.windows
        window = tf.random.experimental.index_shuffle(
            number, tf.stack([tf.constant(seed, tf.int64), passed]), self.windows - 1
        )
        samples = tf.random.stateless_uniform((5,), tf.stack([tf.constant(seed, tf.int64), index]))
        start, (height, width) = self.starts[window], tf.unstack(self.sides[window])
        row = _position(samples[0], height - size)
        column = _position(samples[1], width - size)
        stride = tf.cast(width * self.channels, tf.int64)
        cuts = []
        for plane in range(1 + self.num_levels):
            first = start + stride * tf.cast(plane * height + row, tf.int64)
            rows = tf.slice(self.pixels, [first], [stride * size])
            rows = tf.reshape(rows, (size, width, self.channels))
            cuts.append(tf.slice(rows, (0, column, 0), (size, size, self.channels)))
        patch, (flipped, mirrored, transposed) = tf.stack(cuts), tf.unstack(samples[2:] >= 0.5)
        patch = tf.cond(flipped, lambda: patch[:, ::-1], lambda: patch)
        patch = tf.cond(mirrored, lambda: patch[:, :, ::-1], lambda: patch)
        return tf.cond(transposed, lambda: tf.transpose(patch, (0, 2, 1, 3)), lambda: patch)

    def patches(self, first: int, batch: int, size: int, seed: int) -> tf.data.Dataset:
        """Returns the endless sequence of patches in batches, from batch number `first` on.

        Returns:
            A dataset of uint8 ``(batch, 1 + num_levels, size, size, channels)``.
        """
        last = tf.int64.max // batch
        return (
            tf.data.Dataset.range(first * batch, last * batch)
            .map(lambda index: self.patch(index, size, seed), num_parallel_calls=tf.data.AUTOTUNE)
            .batch(batch, drop_remainder=True)
        )


def _position(sample, last):
    # A sample just below 1 rounds up to last + 1 in float32 for very wide pictures.
    return tf.minimum(tf.cast(sample * tf.cast(last + 1, tf.float32), tf.int32), last)


@dataclass(frozen=True)
class Copies:
    """Versions of each photograph that are trained on besides it; none by default.

    Args:
        shrink: Factors below 1 of `shrunk` copies, unless they are too small for a window.
        soften: Widths in pixels of `softened` copies.
    """

    shrink: Sequence[float] = ()
    soften: Sequence[float] = ()

    @property
    def count(self) -> int:
        """Number of versions, with the photograph itself."""
        return 1 + len(self.shrink) + len(self.soften)

    def of(self, picture: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
        """Yields versions of a picture ``(height, width, channels)``, and shares of their area."""
        areas = 1 + sum(factor**2 for factor in self.shrink) + len(self.soften)
        yield picture, 1 / areas
        for factor in self.shrink:
            yield shrunk(picture, factor), factor**2 / areas
        for width in self.soften:
            yield softened(picture, width), 1 / areas


ALONE = Copies()


@dataclass(frozen=True)
class Windows:
    """How pictures are cut into windows and degraded.

    Args:
        channels: 1 for gray, 3 for RGB.
        size: Smallest side of a window; smaller pictures are extended by reflection.
        degrade: ``(picture, index) -> degraded`` for index 0..num_levels-1, float32 pictures
            ``(height, width, channels)`` in [0, 1]; None for clean pictures alone.
        num_levels: Number of degraded versions of each.
        multiple: Pictures are cut to sides that are multiples of this.
        skip: Rows and columns skipped at the top and left, if enough remain.
    """

    channels: int
    size: int
    degrade: Callable | None = None
    num_levels: int = 0
    multiple: int = 1
    skip: int = 0

    def of_file(
        self, path: Path, copies: Copies, share: float
    ) -> tuple[list[np.ndarray], bool] | str:
        """Returns the windows of a picture, and whether it was extended; or the text of an error.

        Args:
            path: The file.
            copies: Versions of the picture that are cut besides it.
            share: Bytes that the windows may take.
        """
        try:
            picture = read_picture(path, self.channels)
        except (ValueError, OSError) as error:
            return " ".join(str(error).split())
        picture = skip_first(picture, self.skip, self.size)
        small = min(picture.shape[:2]) < self.size
        picture = extended(picture, self.size)
        # Every version of the picture has the same number of bytes for each of its pixels.
        room = share / (self.channels * (self.num_levels + 1))
        windows: list[np.ndarray] = []
        for version, area in copies.of(picture):
            if min(version.shape[:2]) >= self.size:
                windows += map(self._with_levels, self._windows(version, room * area))
        return windows, small

    def _windows(self, picture, room):
        """Cuts windows of at most `room` pixels together, or of one patch."""
        if picture[..., 0].size <= room:
            return [picture]
        side = max(min(WINDOW, int(room**0.5)), self.size)
        height, width = (min(side, length) for length in picture.shape[:2])
        count = int(room // (height * width))
        corners = _spread(picture.shape[0] - height, picture.shape[1] - width, max(count, 1))
        return [picture[row : row + height, column : column + width] for row, column in corners]

    def _with_levels(self, window):
        height, width = (length - length % self.multiple for length in window.shape[:2])
        if min(height, width) >= self.size:
            window = window[:height, :width]
        versions = [window]
        if self.degrade:
            versions += [self.degrade(window, index) for index in range(self.num_levels)]
        rounded = [np.rint(np.asarray(version) * 255.0) for version in versions]
        return np.stack(rounded).astype(np.uint8)


def build_patch_cache(
    paths: Sequence[Path], windows: Windows, budget: int = 1 << 30, copies: Copies = ALONE
) -> PatchCache:
    """Reads pictures, degrades them once if asked to, and keeps them in memory.

    Args:
        paths: The files.
        windows: How they are cut and degraded.
        budget: Bytes that the windows may take.
        copies: Versions of each photograph that are added.

    Raises:
        ValueError: If no file could be read, or the budget is below one patch of each.
    """
    least = windows.size**2 * windows.channels * (windows.num_levels + 1)
    least *= len(paths) * copies.count
    if least > budget:
        raise ValueError(
            f"One patch of each of {len(paths)} pictures takes {least / 2**20:,.3g} MiB; "
            f"the memory for pictures is {budget / 2**20:,.3g} MiB"
        )
    share = budget // max(len(paths), 1)
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda path: windows.of_file(path, copies, share), paths))
    pictures = [one for one in found if not isinstance(one, str)]
    skipped = [f"{p}: {one}" for p, one in zip(paths, found, strict=True) if isinstance(one, str)]
    if not pictures:
        raise ValueError(f"None of {len(paths)} pictures could be read. The first: {skipped[0]}")
    flat = [window for cut, _ in pictures for window in cut]
    return PatchCache(
        pixels=tf.constant(np.concatenate([window.reshape(-1) for window in flat])),
        starts=tf.constant(np.cumsum([0, *(window.size for window in flat[:-1])]), tf.int64),
        sides=tf.constant([window.shape[1:3] for window in flat], tf.int32),
        num_levels=windows.num_levels,
        channels=windows.channels,
        pictures=len(pictures),
        enlarged=sum(enlarged for _, enlarged in pictures),
        skipped=tuple(skipped),
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


def skip_first(picture: np.ndarray, skip: int, side: int) -> np.ndarray:
    """Skips the first `skip` rows and columns, unless a side would fall below `side`."""
    return picture[skip:, skip:] if min(picture.shape[:2]) - skip >= side else picture


def shrunk(picture: np.ndarray, factor: float) -> np.ndarray:
    """Shrinks a picture ``(height, width, channels)`` in [0, 1], antialiased; sides are rounded."""
    sides = [max(1, round(length * factor)) for length in picture.shape[:2]]
    smaller = tf.image.resize(picture, sides, method="lanczos3", antialias=True)
    return np.clip(smaller, 0.0, 1.0)


def softened(picture: np.ndarray, width: float) -> np.ndarray:
    """Blurs a picture ``(height, width, channels)`` by a Gaussian of a width in pixels.

    Edges are reflected. Photographs of cameras at full size are softer than those of the same
    cameras that were shrunk for the web.
    """
    reach = math.ceil(4 * width)
    taps = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / width))
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in range(2):
        pad = [(0, 0)] * 3
        pad[axis] = (reach, reach)
        lines = np.moveaxis(np.pad(picture, pad, mode="symmetric"), axis, 0)
        side = picture.shape[axis]
        picture = np.moveaxis(sum(tap * lines[i : i + side] for i, tap in enumerate(taps)), 0, axis)
    return picture


def extended(picture: np.ndarray, side: int) -> np.ndarray:
    """Extends a picture ``(height, width, channels)`` by reflection to sides of at least `side`."""
    pad = [(0, max(0, side - length)) for length in picture.shape[:2]]
    return np.pad(picture, (*pad, (0, 0)), mode="symmetric")
