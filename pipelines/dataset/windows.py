"""From picture files to the windows of a bank."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.dataset.patch_cache import PatchBank
from pipelines.images import read_picture

# Photographs of 24 megapixels would fill any memory: each gives windows of this side instead, as
# many as the budget holds (the authors cut 480-pixel windows too).
WINDOW = 480


def load_bank(
    paths: Sequence[Path],
    channels: int,
    size: int,
    degrade=None,
    copies: int = 0,
    multiple: int = 1,
    skip: int = 0,
    budget: int = 1 << 30,
    shrink: Sequence[float] = (),
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
        shrink: Factors below 1 by which each picture is shrunk, antialiased, for one more picture
            of each; where that would be smaller than `size`, it is left out.
        on_picture: Called after each file.

    Returns:
        The bank.

    Raises:
        ValueError: If no file could be read, or the budget holds less than a patch of each.
    """
    least = len(paths) * (1 + len(shrink)) * size * size * channels * (copies + 1)
    if least > budget:
        raise ValueError(
            f"One patch of each of {len(paths)} pictures takes {least / 2**20:,.3g} MiB; "
            f"the memory for pictures is {budget / 2**20:,.3g} MiB"
        )
    share = budget // max(len(paths), 1)
    cutter = _Cutter(channels, size, degrade, copies, multiple, skip, share, shrink)
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

    def __init__(self, channels, size, degrade, copies, multiple, skip, share, shrink):
        self.channels, self.size, self.multiple, self.skip = channels, size, multiple, skip
        self.degrade, self.copies, self.factors = degrade, copies, (1.0, *shrink)
        # Bytes for a picture that is not shrunk; the others have as much for each pixel.
        self.share = share / sum(factor**2 for factor in self.factors)

    def __call__(self, path):
        try:
            picture = read_picture(path, self.channels)
        except (ValueError, OSError) as error:
            return " ".join(str(error).split())
        picture = without_first(picture, self.skip, self.size)
        small = min(picture.shape[:2]) < self.size
        picture = extended(picture, self.size)
        cut = [self._planes(each) for factor in self.factors for each in self._cut(picture, factor)]
        return cut, small

    def _cut(self, picture, factor):
        if factor < 1:
            picture = shrunk(picture, factor)
            if min(picture.shape[:2]) < self.size:
                return []
        return self._windows(picture, self.share * factor**2 / (self.channels * (self.copies + 1)))

    def _windows(self, picture, room):
        """Cuts windows of at most `room` pixels together, or of one patch."""
        if picture[..., 0].size <= room:
            return [picture]
        side = max(min(WINDOW, int(room**0.5)), self.size)
        height, width = (min(side, length) for length in picture.shape[:2])
        count = int(room // (height * width))
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


def shrunk(picture, factor):
    """Shrinks a picture ``(height, width, channels)`` in [0, 1], antialiased; sides are rounded."""
    sides = [max(1, round(length * factor)) for length in picture.shape[:2]]
    smaller = tf.image.resize(picture, sides, method="lanczos3", antialias=True)
    return np.clip(smaller, 0.0, 1.0)


def extended(picture, side):
    """Extends a picture ``(height, width, channels)`` by reflection to sides of at least `side`."""
    pad = [(0, max(0, side - length)) for length in picture.shape[:2]]
    return np.pad(picture, (*pad, (0, 0)), mode="symmetric")
