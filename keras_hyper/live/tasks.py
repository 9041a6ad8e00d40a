"""The tasks of the page: what a network, its degradation and its estimator are together."""

import numpy as np

from keras_hyper.live.task import LiveTask
from keras_hyper.restoration.kinds import split_alpha, to_float, to_type
from keras_hyper.restoration.level import find_level


def live_task(name: str, model, task, estimator) -> LiveTask:
    """Returns a task of the page.

    Args:
        name: What the network is called.
        model: The network.
        task: Its `pipelines.Task`.
        estimator: A `keras_hyper.LevelEstimator`, used where it is for this task; None for none.
    """
    return LiveTask(
        name,
        model,
        task.check_level,
        _slider(model, task),
        task.rising,
        tell=_teller(task, estimator),
        spoil=_shrunk if task.enlarges else lambda pixels, level: _degraded(task, pixels, level),
        reduced=task.shrunk_level,
        enlarge=_enlarged if task.enlarges else None,
    )


def _slider(model, task):
    low, high = model.level_range
    if task.enlarges:
        return max(task.minimum, low - 0.5), high, task.slider_step
    # Beyond the range trained on it works too: half as far down, a quarter up.
    low, high = max(task.minimum, np.floor(low / 2)), min(task.maximum, np.ceil(high * 1.25))
    return low, high, task.slider_step


def _teller(task, estimator):
    fits = estimator is not None and estimator.task == task.name
    if not (fits or task.level_of_file or task.level_of_pixels):
        return None

    def level(path, pixels):
        found = find_level(task, path, pixels, estimator if fits else None)
        return found and found.level

    return level


def _bytes(pixels):
    colours = split_alpha(pixels)[0]
    return to_type(to_float(colours), np.dtype(np.uint8))


def _plain(pixels):
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _degraded(task, pixels, level):
    clean = _bytes(pixels)
    if task.degrade_for_benchmark:
        spoiled = task.degrade_for_benchmark(to_float(clean), level)
    else:
        spoiled = task.degrade(to_float(clean)[None], level, (0, 0))[0]
    return _plain(to_type(np.asarray(spoiled), np.dtype(np.uint8))), _plain(clean)


def _shrunk(pixels, level):
    from pipelines.degradations.bicubic import enlarge_picture

    clean = _bytes(pixels)
    # The largest small picture whose enlargement lies in the clean one.
    small = [int(side // level) for side in clean.shape[:2]]
    height, width = (round(side * level) for side in small)
    clean = clean[:height, :width]
    return _plain(enlarge_picture(clean, *small)), _plain(clean)


def _enlarged(pixels, factor):
    from pipelines.degradations.bicubic import enlarge_picture

    height, width = (max(1, round(side * factor)) for side in pixels.shape[:2])
    return enlarge_picture(pixels, height, width)
