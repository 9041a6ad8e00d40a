"""Training pairs from cached windows, validation pairs from pictures, and the split of both."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.color import LUMA
from pipelines.dataset.patch_cache import (
    ALONE,
    Copies,
    PatchCache,
    Windows,
    build_patch_cache,
    extended,
    skip_first,
)
from pipelines.images import find_pictures, middle, read_picture
from pipelines.levels import Levels, level_number
from pipelines.task import TrainableTask

SAMPLE_PICTURES = Path(__file__).parents[1] / "sample_pictures"


def split(
    data: Path | None = None, valid: Path | None = None
) -> tuple[list[Path], list[Path], str]:
    """Splits pictures into those to train on and those to validate on.

    Args:
        data: Folder of photographs; None for the pictures that ship.
        valid: Folder to validate on. None holds out every tenth picture of `data`; if only one
            picture can be read, it is used for both.

    Returns:
        The paths to train on, the paths to validate on, and a description of the latter.

    Raises:
        ValueError: If a folder is missing or has no pictures.
    """
    paths = find_pictures(data or SAMPLE_PICTURES)
    if valid is not None:
        held_out = find_pictures(valid)
        return paths, held_out, f"{len(held_out)} pictures of {valid}"
    for first in range(min(10, len(paths))):
        held_out = paths[first::10]
        kept = [path for path in paths if path not in set(held_out)]
        if any(map(_readable, held_out)) and any(map(_readable, kept)):
            return kept, held_out, f"{len(held_out)} of them, held out"
    return paths, paths, "the same pictures, because too few can be read to hold one out"


def _readable(path):
    try:
        read_picture(path)
    except (ValueError, OSError):
        return False
    return True


def load_patch_cache(
    paths: Sequence[Path],
    task: TrainableTask,
    levels: Levels,
    channels: int = 3,
    patch: int = 48,
    budget: int = 1 << 30,
    copies: Copies = ALONE,
) -> PatchCache:
    """Reads the pictures to train on, and degrades them here if once is enough.

    Once is enough for a list of levels of a task without noise: whole pictures are degraded by the
    reference implementation, at the k levels. Noise, and levels sampled from a range, are new at
    every step: the cache then has clean pictures alone.

    Args:
        paths: The files.
        task: The task.
        levels: The levels trained on.
        channels: 1 for gray, 3 for RGB.
        patch: Side of the training patches in pixels.
        budget: Bytes that the pictures may take in memory.
        copies: Versions of each photograph that are added.

    Raises:
        ValueError: As `build_patch_cache` does.
    """
    whole = task.degrade_for_benchmark
    if whole is None or not levels.fixed:
        windows = Windows(channels, patch + 2 * task.margin)
    else:
        windows = Windows(
            channels,
            patch,
            degrade=lambda picture, index: whole(picture, levels.fixed[index]),
            num_levels=levels.num_levels,
            multiple=task.multiple(levels.fixed),
            skip=task.skip,
        )
    return build_patch_cache(paths, windows, budget, copies)


def training_pairs(
    cache: PatchCache,
    task: TrainableTask,
    levels: Levels,
    batch: int = 16,
    patch: int = 48,
    seed: int = 0,
    first: int = 0,
    device: str | None = None,
) -> tf.data.Dataset:
    """Returns batches of clean patches, each with k degraded versions.

    Args:
        cache: The windows, from `load_patch_cache` for this task and these levels.
        task: The task.
        levels: The levels of every step.
        batch: Clean patches a step.
        patch: Their side in pixels.
        seed: Names the sequence of patches, noise and sampled levels.
        first: The first step. Step n is the same for every first step, so that a run can be
            resumed.
        device: Where degradation runs, such as ``"/gpu:0"``; None for the host.

    Returns:
        An endless dataset of the results of `degraded_pairs`.
    """

    def pairs(step, pixels):
        with tf.device(device):
            return degraded_pairs(pixels, task, levels, patch, seed, step)

    margin = 0 if cache.num_levels else task.margin
    steps = tf.data.Dataset.range(first, tf.int64.max)
    chain = tf.data.Dataset.zip(steps, cache.patches(first, batch, patch + 2 * margin, seed))
    if device is not None:
        chain = chain.apply(tf.data.experimental.copy_to_device(device))
    return chain.map(pairs, num_parallel_calls=2 if device is None else 1).prefetch(4)


def degraded_pairs(
    pixels: tf.Tensor, task: TrainableTask, levels: Levels, patch: int, seed: int, step: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Degrades a batch of windows at the k levels of a step, and cuts patches out of them.

    The position of a patch in its margin is new at every step, so that no 8x8 grid is fixed. The
    degradation depends on half of the margin; the other half is for the position.

    Args:
        pixels: uint8 ``(batch, 1 + num_levels, side, side, channels)`` of a `PatchCache`.
        task: The task.
        levels: The levels of every step.
        patch: Side of the patches in pixels.
        seed: Names the sequence of positions, noise and sampled levels.
        step: int64 ``()``.

    Returns:
        ``{"image": (batch, k, patch, patch, channels), "level": (batch, k)}, clean (batch, patch,
        patch, channels)``, float32 in [0, 1], level in the task's unit, with several axes
        ``(batch, k, axes)``. The second is the result of `task.target`.
    """
    image = _some_gray(tf.cast(pixels, tf.float32) / 255.0, task.gray, (seed + 2, step))
    level = levels.at_step(seed, step)
    clean, degraded = image[:, 0], image[:, 1:]
    if image.shape[1] == 1:
        degrade, k = task.degrade_for_training or task.degrade, level.shape[0]
        seeds = [tf.stack([seed, tf.cast(step, tf.int64) * k + index]) for index in range(k)]
        degraded = tf.stack([degrade(clean, level[i], seeds[i]) for i in range(k)], axis=1)
    if margin := (image.shape[2] - patch) // 2:
        offset = tf.random.stateless_uniform((2,), (seed + 1, step), 0, margin, tf.int32)
        row, column = tf.unstack(margin // 2 + offset)
        clean, degraded = (
            tf.ensure_shape(
                part[..., row : row + patch, column : column + patch, :],
                (*part.shape[:-3], patch, patch, part.shape[-1]),
            )
            for part in (clean, degraded)
        )
    inputs = {"image": degraded, "level": tf.repeat(level[None], clean.shape[0], axis=0)}
    return inputs, task.target(inputs, clean)


def _some_gray(image, share, seed):
    """Makes a share of a batch gray, rounded to 8 bits: the clean patch and its degraded versions.

    The luma of a JPEG is that of the JPEG of the luma, but for rounding.
    """
    if image.shape[-1] == 1 or not share:
        return image
    gray = tf.random.stateless_uniform((tf.shape(image)[0], 1, 1, 1, 1), seed) < share
    luma = tf.round(tf.reduce_sum(image * LUMA, axis=-1, keepdims=True) * 255.0) / 255.0
    return tf.where(gray, luma, image)


def validation_pairs(
    paths: Sequence[Path],
    task: TrainableTask,
    levels: Sequence[float],
    channels: int = 3,
    side: int = 192,
    most: int = 24,
    batch: int = 8,
    seed: int = 0,
) -> tf.data.Dataset:
    """Returns fixed pairs: the middle of each picture at every level.

    Args:
        paths: The files; unreadable ones are skipped.
        task: The task.
        levels: The levels, in the task's unit.
        channels: 1 for gray, 3 for RGB.
        side: Side of the middle in pixels; smaller pictures are extended by reflection.
        most: Largest number of pictures, spread over the files.
        batch: Pictures a batch.
        seed: Of the noise.

    Returns:
        A dataset of the structure of `training_pairs`, kept in memory.

    Raises:
        ValueError: If no file could be read.
    """
    clean = np.stack(list(_middles(paths, channels, side, most, task.skip)))
    degraded = np.stack([_at_level(task, clean, level, seed) for level in levels], axis=1)
    level = np.repeat(np.asarray(levels, np.float32)[None], len(clean), axis=0)
    inputs = {"image": degraded, "level": level}
    pairs = inputs, task.target(inputs, clean)
    return tf.data.Dataset.from_tensor_slices(pairs).batch(batch)


def _middles(paths, channels, side, most, skip):
    """Yields the middle of `most` readable pictures, one of each of as many parts of the list."""
    most = min(most, len(paths))
    bounds = [i * len(paths) // most for i in range(most + 1)]
    failure, found = None, 0
    for first, last in itertools.pairwise(bounds):
        for path in paths[first:last]:
            try:
                picture = read_picture(path, channels)
            except (ValueError, OSError) as error:
                failure = error
                continue
            yield middle(extended(skip_first(picture, skip, side), side), side)
            found += 1
            break
    if not found:
        raise ValueError(f"No picture to validate on could be read. The last: {failure}")


def _at_level(task, clean, level, seed):
    if task.degrade_for_benchmark is not None:
        return np.stack([np.asarray(task.degrade_for_benchmark(one, level)) for one in clean])
    return task.degrade(clean, tf.constant(level, tf.float32), (seed, level_number(level))).numpy()
