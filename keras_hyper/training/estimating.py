"""What is particular to a run that learns to tell the level."""

import keras
import numpy as np
from keras import ops

from keras_hyper.models import LevelEstimator
from keras_hyper.models.level_estimator import KNEE
from keras_hyper.models.precision import policy_of

# By the task whose level is told, what its estimator has beyond the default: a block of a JPEG has
# far less left in it than rounding leaves in a picture.
_OPTIONS = {"dejpeg": {"quietest": True, "floor": 1e-7}}


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
        task=task.learns_level_of,
        unit=task.unit,
        level_range=(levels.low, levels.high),
        dtype=policy_of(args.precision),
        **_OPTIONS.get(task.learns_level_of, {}),
    )
    model.build()
    return model


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
