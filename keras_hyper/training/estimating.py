"""What is particular to a run that learns to tell the level."""

import keras
import numpy as np
from keras import ops

from keras_hyper.models import LevelEstimator
from keras_hyper.models.level_estimator import KNEE
from keras_hyper.models.precision import policy_of
from pipelines.color import LUMA

# Pairs of `_TAPS`, down and across, and of frequencies.
_DIFFERENCES = [
    *((taps, place) for taps in range(5) for place in (5, 6)),
    *((place, taps) for taps in range(5) for place in (5, 6)),
    *((taps, taps) for taps in (0, 1, 2, 4)),
]
_FREQUENCIES = [(5, 5), (3, 3), (1, 1), (3, 5), (5, 3), (1, 0), (0, 1), (2, 2)]
_TAPS = np.array([
    [0, 1, -1, 0, 0, 0],
    [0, 0, 1, -1, 0, 0],
    [0, 1, -2, 1, 0, 0],
    [0, 0, 1, -2, 1, 0],
    [0, 1, -3, 3, -1, 0],
    [0, 0, 1, 0, 0, 0],
    [1, 1, 1, 1, 1, 1],
])  # fmt: skip


@keras.saving.register_keras_serializable(package="keras_hyper")
class LogLevelLoss(keras.losses.Loss):
    """The absolute error on a scale that is linear for weak and logarithmic for strong levels.

    So that an error of 1 counts for more at 15 than at 75.

    Call arguments:
        y_true: Levels ``(batch, k)`` in the task's unit.
        y_pred: What was told, of the same shape.
    """

    def call(self, y_true, y_pred):
        """Returns one number a patch."""
        return ops.mean(ops.abs(_scaled(y_pred) - _scaled(y_true)), axis=-1)


def _scaled(level):
    return ops.log1p(level / KNEE)


@keras.saving.register_keras_serializable(package="keras_hyper")
class LevelError(keras.metrics.Mean):
    """The mean absolute error at one of the k levels, in the task's unit.

    Args:
        draw: Which of the k, from 0.
    """

    def __init__(self, draw, **kwargs):
        super().__init__(**kwargs)
        self.draw = draw

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes a batch in: levels ``(batch, k)``, and what was told."""
        error = ops.abs(y_pred[:, self.draw] - y_true[:, self.draw])
        return super().update_state(error, sample_weight)

    def get_config(self):
        return {**super().get_config(), "draw": self.draw}


def level_errors(names):
    """Returns a metric for each of the k levels, given what they are called."""
    return [LevelError(draw, name=f"error_{name}") for draw, name in enumerate(names)]


def new_estimator(recipe, task, levels, args) -> LevelEstimator:
    """Returns an untrained estimator; arguments as those of `restoring.new_restorer`."""
    keras.utils.set_random_seed(args.seed)
    model = LevelEstimator(
        args.channels,
        task=task.of.name,
        unit=task.unit,
        level_range=(levels.low, levels.high),
        dtype=policy_of(args.precision),
        **task.network,
    )
    model.build()
    if model.apart:
        model.probe.kernel.assign(first_probes(model.channels, model.probes))
    return model


def first_probes(channels, count):
    """Returns kernels of high-pass probes to begin with, each of norm 1.

    What JPEG takes away is faint and of high frequency, and natural pictures are strong in low
    ones: probes that begin at random are long in seeing anything else. So most of these are
    differences of neighbours and the rest cosines, all of the luma but the last four.

    Args:
        channels: 1 for gray, 3 for RGB.
        count: How many.

    Returns:
        ``(6, 6, channels, count)``.
    """
    cosines = np.cos(np.pi * np.outer(np.arange(6), np.arange(6) + 0.5) / 6)
    pairs = [(_TAPS[a], _TAPS[b]) for a, b in _DIFFERENCES]
    pairs += [(cosines[a], cosines[b]) for a, b in _FREQUENCIES]
    planes = np.stack([np.outer(down, across) for down, across in pairs], axis=-1)
    planes = np.resize(np.moveaxis(planes, -1, 0), (count, 6, 6))
    colours = np.tile(LUMA if channels == 3 else [1.0], (count, 1))
    if channels == 3:
        colours[-4:] = [[1, -1, 0], [0, -1, 1], [1, -1, 0], [0, -1, 1]]
    kernels = np.moveaxis(planes, 0, -1)[:, :, None] * colours.T
    return kernels / np.sqrt((kernels**2).sum(axis=(0, 1, 2)))


def mean_and_error(model: LevelEstimator, validation) -> list[dict]:
    """Returns ``level``, mean ``estimate`` and mean absolute ``error``, a row a level.

    Args:
        model: The network.
        validation: Validation pairs.
    """
    told: dict[float, list] = {}
    for inputs, _ in validation.as_numpy_iterator():
        for draw, level in enumerate(np.asarray(inputs["level"])[0].tolist()):
            told.setdefault(level, []).extend(
                ops.convert_to_numpy(model(inputs["image"][:, draw])).tolist()
            )
    return [
        {
            "level": level,
            "estimate": float(np.mean(values)),
            "error": float(np.mean(np.abs(np.subtract(values, level)))),
        }
        for level, values in told.items()
    ]
