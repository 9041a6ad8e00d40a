"""The chains: from windows to training pairs, from pictures to validation pairs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.dataset.patch_cache import PatchBank
from pipelines.dataset.windows import extended, load_bank, without_first
from pipelines.images import read_picture
from pipelines.levels import Levels
from pipelines.tasks import Task


def load_training_bank(
    paths: Sequence[Path],
    task: Task,
    levels: Levels,
    channels: int = 3,
    patch: int = 48,
    budget: int = 1 << 30,
    shrink: Sequence[float] = (),
    on_picture=lambda: None,
) -> PatchBank:
    """Reads the pictures to train on; what can be degraded once, is.

    Args:
        paths: The files.
        task: What degrades them.
        levels: The levels trained on. A list of levels of a task without noise is degraded here,
            whole pictures by the judge's own code; drawn levels and noise are made at every step.
        channels: 1 for gray, 3 for RGB.
        patch: Side of the training patches in pixels.
        budget: Bytes that the pictures may take in memory.
        shrink: Factors below 1; each picture is learned from shrunk by them as well.
        on_picture: Called after each file.

    Returns:
        A bank with 1 or ``1 + k`` planes.

    Raises:
        ValueError: If no file could be read.
    """
    whole = task.degrade_whole
    if whole is None or not levels.fixed:
        size = patch + 2 * task.margin
        return load_bank(paths, channels, size, budget=budget, shrink=shrink, on_picture=on_picture)
    return load_bank(
        paths,
        channels,
        patch,
        degrade=lambda picture, copy: whole(picture, levels.fixed[copy]),
        copies=levels.draws,
        multiple=task.multiple(levels.fixed),
        skip=task.skip,
        budget=budget,
        shrink=shrink,
        on_picture=on_picture,
    )


def training_pairs(
    bank: PatchBank,
    task: Task,
    levels: Levels,
    batch: int = 16,
    patch: int = 48,
    seed: int = 0,
    first: int = 0,
    device: str | None = None,
) -> tf.data.Dataset:
    """Chains windows to batches of one clean patch and its k degraded copies.

    Args:
        bank: The windows, as `load_training_bank` made them for this task and these levels.
        task: What degrades them.
        levels: The levels of every step.
        batch: Clean patches a step.
        patch: Their side in pixels.
        seed: Names the sequence of patches, noise and drawn levels.
        first: Step to begin with. Step n is the same wherever the chain begins, so that a run can
            be resumed.
        device: Where degradation runs, such as ``"/gpu:0"``; None for the host.

    Returns:
        An endless dataset of ``({"image": (batch, k, patch, patch, channels), "level": (batch, k)},
        clean (batch, patch, patch, channels))``, float32 in [0, 1], level in the task's unit; the
        second is whatever `task.target` makes of a pair.
    """
    made = bank.planes > 1
    margin = 0 if made else task.margin

    def cut(index):
        return bank.patch(index, patch + 2 * margin, seed)

    def pair(step, planes):
        image = tf.cast(planes, tf.float32) / 255.0
        level = levels.at_step(seed, step)
        clean = image[:, 0]
        copies = image[:, 1:] if made else _degraded(task, clean, level, levels.draws, seed, step)
        clean, copies = (_inner(part, margin, seed, step) for part in (clean, copies))
        inputs = {"image": copies, "level": tf.tile(level[None], (batch, 1))}
        return inputs, task.target(inputs, clean)

    last = tf.int64.max // batch
    steps = tf.data.Dataset.range(first, last)
    patches = (
        tf.data.Dataset.range(first * batch, last * batch)
        .map(cut, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch, drop_remainder=True)
    )
    return (
        tf.data.Dataset.zip(steps, patches)
        .apply(to_device(device))
        .map(_on(device, pair), num_parallel_calls=2 if device is None else 1)
        .prefetch(4)
    )


def to_device(device: str | None):
    """Returns the hop of a chain to a device; none for None."""
    if device is None:
        return lambda chain: chain
    return tf.data.experimental.copy_to_device(device)


def _on(device, function):
    if device is None:
        return function

    def there(*args):
        with tf.device(device):
            return function(*args)

    return there


def _degraded(task, clean, level, draws, seed, step):
    copies, degrade = [], task.degrade_to_learn or task.degrade
    for draw in range(draws):
        noise = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64) * draws + draw])
        copies.append(degrade(clean, level[draw], noise))
    return tf.stack(copies, axis=1)


def _inner(image, margin, seed, step):
    """Cuts the patch out of its margin, at a place of its own every step: no 8x8 grid is fixed.

    Half the margin is for what the degradation looks at, half for the place.
    """
    if not margin:
        return image
    draw = tf.random.stateless_uniform((2,), (seed + 1, step), 0, margin, tf.int32)
    row, column = tf.unstack(margin // 2 + draw)
    size = image.shape[-2] - 2 * margin
    inner = image[..., row : row + size, column : column + size, :]
    return tf.ensure_shape(inner, (*image.shape[:-3], size, size, image.shape[-1]))


def validation_pairs(
    paths: Sequence[Path],
    task: Task,
    levels: Sequence[float],
    channels: int = 3,
    side: int = 192,
    most: int = 24,
    batch: int = 8,
    seed: int = 0,
) -> tf.data.Dataset:
    """Chains pictures to fixed pairs: the middle of each picture at every level.

    Args:
        paths: The files; unreadable ones are left out.
        task: What degrades them.
        levels: The levels, in the task's unit.
        channels: 1 for gray, 3 for RGB.
        side: Side of the middle in pixels; smaller pictures are extended by reflection.
        most: How many pictures at the most, spread over the files.
        batch: Pictures a batch.
        seed: Of the noise.

    Returns:
        A dataset of the structure of `training_pairs`, kept in memory.

    Raises:
        ValueError: If no file could be read.
    """
    chosen = [paths[i * len(paths) // most] for i in range(most)] if len(paths) > most else paths
    clean = np.stack(list(_middles(chosen, channels, side, task.skip)))
    degraded = np.stack([_at_level(task, clean, level, seed) for level in levels], axis=1)
    level = np.tile(np.asarray(levels, np.float32), (len(clean), 1))
    inputs = {"image": degraded, "level": level}
    pairs = inputs, task.target(inputs, clean)
    return tf.data.Dataset.from_tensor_slices(pairs).batch(batch)


def _middles(paths, channels, side, skip):
    failure = None
    count = 0
    for path in paths:
        try:
            picture = read_picture(path, channels)
        except (ValueError, OSError) as error:
            failure = error
            continue
        count += 1
        picture = extended(without_first(picture, skip, side), side)
        row, column = ((length - side) // 2 for length in picture.shape[:2])
        yield picture[row : row + side, column : column + side]
    if not count:
        raise ValueError(f"No picture to validate on could be read. The last: {failure}")


def _at_level(task, clean, level, seed):
    if task.degrade_whole is not None:
        return np.stack([np.asarray(task.degrade_whole(picture, level)) for picture in clean])
    return task.degrade(clean, tf.constant(level, tf.float32), (seed, round(level * 1000))).numpy()
