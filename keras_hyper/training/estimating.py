"""A run that learns to estimate the level: its network, initial probes, loss and metrics."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_hyper.errors import WrongArgumentError
from keras_hyper.models import HyperRes, LevelEstimator, load_hyper_res
from keras_hyper.models.level_estimator import KNEE
from keras_hyper.models.precision import policy_of
from keras_hyper.training.config import TrainingConfig
from keras_hyper.training.recipes import Recipe
from keras_hyper.training.restoring import LevelMetric
from pipelines import EstimatorTask, Levels
from pipelines.color import LUMA
from pipelines.task import TrainableTask

# Levels at which restorations are compared, evenly spaced in log(1 + level). At the first, 0, the
# picture stays as it is.
TRIED_STEP = 0.55
TRIED = np.expm1(TRIED_STEP * np.arange(7)).astype(np.float32)
# Added to mean squared errors, of gray levels: what is less is not seen.
_UNSEEN = 0.25
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

    An error of 1 counts for more at 15 than at 75.

    Call arguments:
        y_true: Levels ``(batch, k)`` in the task's unit.
        y_pred: Estimated levels, of the same shape.
    """

    def call(self, y_true, y_pred):
        """Returns one number a patch."""
        error = ops.log1p(y_pred / KNEE) - ops.log1p(y_true / KNEE)
        return ops.mean(ops.abs(error), axis=-1)


@keras.saving.register_keras_serializable(package="keras_hyper")
class LevelError(LevelMetric):
    """The mean absolute error at one of the k levels, in the task's unit."""

    def score(self, expected: Any, output: Any) -> Any:
        """Returns the error of each patch; `expected` has all k levels."""
        return ops.abs(output - expected[:, self.index])


def level_errors(names: list[str]) -> list[LevelMetric]:
    """Returns a metric for each of the k levels, given their names."""
    return [LevelError(index, name=f"error_{name}") for index, name in enumerate(names)]


def costs_of_restoring(restorer: HyperRes) -> Callable:
    """Returns what an estimator learns from a network: which level restores best.

    Args:
        restorer: The network that restores at the estimated level.

    Returns:
        ``(inputs, clean) -> costs (batch, k, len(TRIED))``, for `EstimatorTask.target`: the error
        of restoring each image at each of `TRIED`, ``10 log10(mean squared error)`` in dB.
    """

    def target(inputs, clean):
        image = tf.convert_to_tensor(inputs["image"])
        batch, k = tf.shape(image)[0], image.shape[1]
        image = tf.reshape(image, (-1, *image.shape[2:]))
        clean = 255.0 * tf.repeat(clean, k, axis=0)

        def cost(restored):
            error = 255.0 * tf.clip_by_value(restored, 0.0, 1.0) - clean
            error = tf.reduce_mean(tf.square(error), axis=(1, 2, 3))
            return 10.0 / np.log(10.0) * tf.math.log(error + _UNSEEN)

        restored = tf.map_fn(
            lambda level: cost(restorer({"image": image, "level": level})), TRIED[1:]
        )
        costs = tf.transpose(tf.concat([cost(image)[None], restored], axis=0))
        return tf.reshape(costs, (batch, k, len(TRIED)))

    return target


def restores_best(task: TrainableTask, name: str, precision: str) -> EstimatorTask:
    """Returns the task of learning which level a network restores best at.

    Args:
        task: Of an estimator.
        name: Of the network.
        precision: Of its layers.

    Raises:
        WrongArgumentError: If the task restores, or the network restores another degradation.
    """
    if not isinstance(task, EstimatorTask):
        raise WrongArgumentError(f"expected no --restorer with --task {task.name}, which restores")
    if task.axes:
        raise WrongArgumentError(f"expected no --restorer with --task {task.name}: {task.of.name} "
                                 "has several levels")  # fmt: skip
    restorer = load_hyper_res(name).with_precision(precision)
    if restorer.task != task.of.name:
        raise WrongArgumentError(
            f"expected a --restorer for {task.of.name}, got one for {restorer.task}"
        )
    return replace(task, target=costs_of_restoring(restorer))


def lost_by(costs: Any, level: Any) -> Any:
    """Returns what restoring at a level loses to the best of `TRIED`, in dB.

    Between these levels the costs are interpolated by cubic convolution, whose minimum need not be
    at one of them. A level above the last loses more and more, and so does one below 0.

    Args:
        costs: ``(..., len(TRIED))``, of `costs_of_restoring`.
        level: ``(...)``, in the task's unit.

    Reference:
        Keys, IEEE TASSP 29 (1981).
    """
    last = len(TRIED) - 1
    place = ops.log1p(ops.maximum(level, 0.0)) / TRIED_STEP
    outside = ops.relu(place - last) + ops.relu(-level)
    first, end = 2 * costs[..., :1] - costs[..., 1:2], 2 * costs[..., -1:] - costs[..., -2:-1]
    padded = ops.concatenate([first, costs, end], axis=-1)
    nodes = np.arange(-1, last + 2, dtype=np.float32)
    away = ops.abs(ops.clip(place, 0, last)[..., None] - nodes)
    near = (1.5 * away - 2.5) * away**2 + 1.0
    far = ((-0.5 * away + 2.5) * away - 4.0) * away + 2.0
    weights = ops.where(away < 1, near, ops.where(away < 2, far, 0.0))
    return ops.sum(weights * padded, axis=-1) - ops.min(costs, axis=-1) + outside


@keras.saving.register_keras_serializable(package="keras_hyper")
class RestorationLoss(keras.losses.Loss):
    """What restoring at the estimated level loses to the best level, in dB; see `lost_by`.

    Call arguments:
        y_true: Costs ``(batch, k, len(TRIED))``.
        y_pred: Estimated levels ``(batch, k)``.
    """

    def call(self, y_true, y_pred):
        """Returns one number a patch."""
        return ops.mean(lost_by(y_true, y_pred), axis=-1)


@keras.saving.register_keras_serializable(package="keras_hyper")
class LevelLost(LevelMetric):
    """What one of the k estimates loses to the best level, in dB."""

    def score(self, expected: Any, output: Any) -> Any:
        """Returns the loss of each patch; `expected` has the costs of all k."""
        return lost_by(expected[:, self.index], output)


def levels_lost(names: list[str]) -> list[LevelMetric]:
    """Returns a metric for each of the k levels, given their names."""
    return [LevelLost(index, name=f"lost_{name}") for index, name in enumerate(names)]


def initialise_estimator(model: LevelEstimator, initial: LevelEstimator) -> None:
    """Gives an estimator the weights of a trained one of its size.

    Raises:
        ValueError: If the two are of different sizes.
    """
    for name in ("channels", "probes", "filters", "heads", "apart"):
        expected, found = getattr(model, name), getattr(initial, name)
        if expected != found:
            raise ValueError(
                f"expected an initial estimator with {name} {expected}, got one with {found}"
            )
    model.set_weights(initial.get_weights())


def new_estimator(
    recipe: Recipe, task: EstimatorTask, levels: Levels, config: TrainingConfig
) -> LevelEstimator:
    """Returns an untrained estimator; arguments as those of `restoring.new_restorer`."""
    keras.utils.set_random_seed(config.seed)
    index = levels.axes.index(task.axis) if task.axis else 0
    model = LevelEstimator(
        config.channels or 3,
        task=task.of.name,
        axis=task.axis,
        unit=task.unit,
        level_range=(np.ravel(levels.low)[index], np.ravel(levels.high)[index]),
        dtype=policy_of(config.precision),
        **task.network,
    )
    model.build()
    if model.apart:
        model.probe.kernel.assign(first_probes(model.channels, model.probes))
    return model


def first_probes(channels: int, count: int) -> np.ndarray:
    """Returns initial kernels of high-pass probes, each of norm 1.

    JPEG removes faint high frequencies, while natural images are strong in low ones: from random
    kernels the probes learn slowly. Most of these are differences of neighbours, the rest cosines;
    all but the last four act on the luma.

    Args:
        channels: 1 for gray, 3 for RGB.
        count: Number of probes.

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


def mean_and_error(model: LevelEstimator, validation: tf.data.Dataset) -> list[dict]:
    """Returns ``level``, mean ``estimate`` and mean absolute ``error``, a row a level.

    Args:
        model: The network.
        validation: Validation pairs.
    """
    rows = []
    pairs = list(validation.as_numpy_iterator())
    for index, level in enumerate(pairs[0][0]["level"][0].tolist()):
        values = np.concatenate(
            [ops.convert_to_numpy(model(inputs["image"][:, index])) for inputs, _ in pairs]
        )
        # With several levels the estimated one is the target of the pairs.
        true = pairs[0][1][0, index] if np.ndim(level) else level
        error = float(np.mean(np.abs(values - true)))
        rows.append({"level": level, "estimate": float(np.mean(values)), "error": error})
    return rows
