"""A run that learns to restore: its network, initial weights, loss and metrics."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_hyper.layers import HyperConv2D
from keras_hyper.methods import MethodRes
from keras_hyper.metrics import psnr
from keras_hyper.models import HyperRes
from keras_hyper.models.precision import policy_of
from keras_hyper.training.config import TrainingConfig
from keras_hyper.training.recipes import Recipe
from keras_hyper.training.stages import first_table
from pipelines import Levels, Task


@keras.saving.register_keras_serializable(package="keras_hyper")
class MeanLossOfLevels(keras.losses.Loss):
    """Equation 1: the absolute error to the one clean patch, the mean over the k levels.

    The paper's sum differs by a factor that does not change the steps of Adam.

    Call arguments:
        y_true: Clean images ``(batch, height, width, channels)``.
        y_pred: Restored images ``(batch, k, height, width, channels)``.

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, equation 1.
    """

    # A plain function would do, but Keras drops a last axis of 1 (gray) of its arguments.
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_pred - y_true[:, None]), axis=(1, 2, 3, 4))


class LevelMetric(keras.metrics.Mean):
    """The mean of a score at one of the k levels.

    Args:
        index: Which of the k, from 0.
    """

    def __init__(self, index: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.index = index

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return super().update_state(self.score(y_true, y_pred[:, self.index]), sample_weight)

    def score(self, expected: Any, output: Any) -> Any:
        """Returns one number a patch."""
        raise NotImplementedError  # pragma: no cover - what a subclass is for

    def get_config(self):
        return {**super().get_config(), "index": self.index}

    @classmethod
    def from_config(cls, config: dict) -> "LevelMetric":
        # Older checkpoints say `draw`.
        return cls(config.pop("draw" if "draw" in config else "index"), **config)


@keras.saving.register_keras_serializable(package="keras_hyper")
class LevelLoss(LevelMetric):
    """The mean absolute error at one of the k levels."""

    def score(self, expected: Any, output: Any) -> Any:
        """Returns the error of each restored image."""
        return ops.mean(ops.abs(output - expected), axis=(1, 2, 3))


@keras.saving.register_keras_serializable(package="keras_hyper")
class LevelPSNR(LevelMetric):
    """The PSNR in dB at one of the k levels, of the result clipped to [0, 1]."""

    def score(self, expected: Any, output: Any) -> Any:
        """Returns the PSNR of each restored image."""
        return psnr(expected, ops.clip(output, 0.0, 1.0))


def level_metrics(names: list[str]) -> list[LevelMetric]:
    """Returns a loss and a PSNR metric for each of the k levels, given their names."""
    losses = [LevelLoss(index, name=f"loss_{name}") for index, name in enumerate(names)]
    return losses + [LevelPSNR(index, name=f"psnr_{name}") for index, name in enumerate(names)]


def new_restorer(recipe: Recipe, task: Task, levels: Levels, config: TrainingConfig) -> HyperRes:
    """Returns an untrained network for a task.

    Args:
        recipe: The `Recipe`, which has two options of the network.
        task: The `Task`.
        levels: The `Levels` trained on.
        config: The `TrainingConfig`, completed.
    """
    keras.utils.set_random_seed(config.seed)
    offset, scale = recipe.level_map or (task.level_offset, task.level_scale)
    kind: type[HyperRes] = HyperRes
    own: dict[str, Any] = {}
    if config.method:
        kind = MethodRes
        table = first_table(config, levels, task)
        own = {"method": config.method, "schedule": config.schedule, "level_table": table}
    model = kind(
        channels=config.channels or 3,
        blocks=config.blocks,
        filters=config.filters,
        image_residual=recipe.image_residual,
        tail=config.tail,
        task=task.name,
        unit=task.unit,
        levels=levels.fixed,
        level_range=(levels.low, levels.high),
        level_offset=offset,
        level_scale=scale,
        dtype=policy_of(config.precision),
        **own,
    )
    model.build()
    return model


def initialise_from(model: HyperRes, initial: HyperRes) -> None:
    """Gives a network the weights of a trained one of its size.

    Between gray and colour the first and the last convolution are converted: on a gray image the
    result is the mean of the channels of `initial`. For another task, whose level means something
    else, the convolutions start at every level as those of `initial` at the middle of its range.

    Args:
        model: Is initialised; built.
        initial: The trained network.

    Raises:
        ValueError: If the two are of different sizes, or one adds the picture and one does not.
    """
    for name in (
        "blocks",
        "filters",
        "image_residual",
        "tail_form",
        "places",
        "level_table",
        "expansion",
    ):
        expected, found = getattr(model, name), getattr(initial, name)
        if expected != found:
            raise ValueError(
                f"expected an initial network with {name} {expected}, got one with {name} {found}"
            )
    # The scalar of `initial` at that of `model`.
    slope = model.level_scale / initial.level_scale
    offset = (model.level_offset - initial.level_offset) / initial.level_scale
    if model.task != initial.task:
        middle = sum(initial.level_range) / 2
        slope, offset = 0.0, (middle - initial.level_offset) / initial.level_scale
    for layer, source in zip(model.layers, initial.layers, strict=True):
        if isinstance(layer, HyperConv2D):
            w, b, bias_w, bias_b = (np.array(part) for part in source.get_weights())
            layer.set_weights([slope * w, b + offset * w, slope * bias_w, bias_b + offset * bias_w])
        elif layer is model.head:
            kernel, bias = source.get_weights()
            layer.set_weights([_input_kernel(kernel, model.channels), bias])
        elif layer is model.tail:
            parts = source.get_weights()
            layer.set_weights([_output_part(p, initial.channels, model.channels) for p in parts])
        else:
            layer.set_weights(source.get_weights())


def _input_kernel(kernel, channels):
    """Returns a kernel ``(rows, columns, in, out)`` for another number of channels."""
    if kernel.shape[2] == channels:
        return kernel
    gray = kernel.sum(axis=2, keepdims=True)
    return gray if channels == 1 else np.repeat(gray / channels, channels, axis=2)


def _output_part(part, before, channels):
    """Returns a kernel or bias ``(..., pixels * before)`` likewise; a light tail has 4 pixels."""
    if before == channels:
        return part
    gray = part.reshape(*part.shape[:-1], -1, before).mean(axis=-1, keepdims=True)
    return np.repeat(gray, channels, axis=-1).reshape(*part.shape[:-1], -1)


def psnr_before_and_after(model: HyperRes, validation: tf.data.Dataset) -> list[dict]:
    """Returns ``level``, ``psnr_before``, ``psnr_after`` and ``gain``: means, a row a level.

    Args:
        model: The network.
        validation: Validation pairs.
    """
    rows: dict[float, list] = {}
    # As numpy arrays: the pipeline is TensorFlow's, the network any backend's.
    for inputs, clean in validation.as_numpy_iterator():
        for index, level in enumerate(np.asarray(inputs["level"])[0].tolist()):
            degraded = inputs["image"][:, index]
            restored = ops.clip(model({"image": degraded, "level": level}), 0.0, 1.0)
            before, after = psnr(clean, degraded), psnr(clean, restored)
            rows.setdefault(level, []).extend(
                zip(ops.convert_to_numpy(before), ops.convert_to_numpy(after), strict=True)
            )
    means = {level: np.mean(pairs, axis=0).tolist() for level, pairs in rows.items()}
    return [
        {"level": level, "psnr_before": before, "psnr_after": after, "gain": after - before}
        for level, (before, after) in means.items()
    ]
