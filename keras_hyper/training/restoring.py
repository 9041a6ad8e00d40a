"""A run that learns to restore: its network, initial weights, loss and metrics."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_hyper.layers import HyperConv2D
from keras_hyper.methods import MethodRes
from keras_hyper.metrics import psnr
from keras_hyper.models import CustomRes, HyperRes
from keras_hyper.models.precision import policy_of
from keras_hyper.training.config import TrainingConfig
from keras_hyper.training.recipes import Recipe
from keras_hyper.training.stages import first_table
from pipelines import TASKS, Levels, Task


@keras.saving.register_keras_serializable(package="keras_hyper")
class MeanLossOfLevels(keras.losses.Loss):
    """Equation 1: the absolute error to the one clean patch, the mean over the k levels.

    The paper's sum differs by a factor that does not change the steps of Adam.

    Args:
        error: In place of the absolute error: ``"charbonnier"``, ``sqrt(d ** 2 + 0.001 ** 2)`` of a
            difference d, or ``"psnr"``, the negative PSNR in dB of an image, at most 80 dB.

    Call arguments:
        y_true: Clean images ``(batch, height, width, channels)``.
        y_pred: Restored images ``(batch, k, height, width, channels)``.

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, equation 1. Lai et al., arXiv:1710.01992
        (Charbonnier). Chen et al., arXiv:2204.04676 (PSNR).
    """

    def __init__(self, error: str = "l1", **kwargs: Any):
        super().__init__(**kwargs)
        self.error = error

    # A plain function would do, but Keras drops a last axis of 1 (gray) of its arguments.
    def call(self, y_true, y_pred):
        difference = y_pred - y_true[:, None]
        if self.error == "psnr":
            square = ops.mean(ops.square(difference), axis=(2, 3, 4))
            return ops.mean(10.0 * ops.log10(square + 1e-8), axis=1)
        if self.error == "charbonnier":
            return ops.mean(ops.sqrt(ops.square(difference) + 1e-6), axis=(1, 2, 3, 4))
        return ops.mean(ops.abs(difference), axis=(1, 2, 3, 4))

    def get_config(self):
        return {**super().get_config(), "error": self.error}


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
    facts: dict[str, Any] = {
        "task": task.name,
        "unit": task.unit,
        "axes": levels.axes,
        "levels": levels.fixed,
        "level_range": np.transpose((levels.low, levels.high)),
        "level_offset": offset,
        "level_scale": scale,
    }
    if task.trunk:
        model: HyperRes = CustomRes.from_network(task.trunk(config.channels or 3), **facts)
    else:
        kind: type[HyperRes] = HyperRes
        if config.method:
            kind = MethodRes
            table = first_table(config, levels, task)
            own = {"method": config.method, "schedule": config.schedule, "level_table": table}
            facts.update(own)
        model = kind(
            channels=config.channels or 3,
            blocks=config.blocks,
            filters=config.filters,
            image_residual=recipe.image_residual,
            tail=config.tail,
            dtype=policy_of(config.precision),
            **facts,
        )
    model.build()
    return model


def initialise_from(model: HyperRes, initial: HyperRes) -> None:
    """Gives a network the weights of a trained one of its size.

    Between gray and colour the first and the last convolution are converted: on a gray image the
    result is the mean of the channels of `initial`. If its task has one of the model's levels
    alone, the convolutions follow that level as those of `initial` do, and no other. For another
    task they start at every level as those of `initial` at the middle of its range.
    A compared method has its own variables: it keeps task and channels.

    Args:
        model: Is initialised; built.
        initial: The trained network.

    Raises:
        ValueError: If the two are of different sizes, or one adds the picture and one does not.
    """
    _check_fits(model, initial)
    if isinstance(model, MethodRes):
        model.set_weights(initial.get_weights())
        return
    axes = (len(initial.axes),) if initial.axes else ()
    for layer, source in zip(model.layers, initial.layers, strict=True):
        if isinstance(layer, HyperConv2D):
            parts = [np.array(part) for part in source.get_weights()]
            if len(parts) == 2:  # a plain convolution, which is that of every level
                parts = [one for part in parts for one in (np.zeros((*axes, *part.shape)), part)]
            w, b, bias_w, bias_b = parts
            kernel = _moved(w, b, model, initial)
            layer.set_weights([*kernel, *_moved(bias_w, bias_b, model, initial)])
        elif layer is model.head:
            kernel, bias = source.get_weights()
            layer.set_weights([_input_kernel(kernel, model.channels), bias])
        elif layer is model.tail:
            channels = initial.channels, model.channels
            layer.set_weights([_output_part(part, *channels) for part in source.get_weights()])
        else:
            layer.set_weights(source.get_weights())


def _moved(slope, offset, model, initial):
    """A slope and an offset for the scalars of `model`, or for one scalar in the middle."""
    scale = np.array(initial.level_scale)
    model_scale, model_offset = np.array(model.level_scale), np.array(model.level_offset)
    if model.task == initial.task:
        moved = (model_scale / scale * slope.T).T
        middle = (model_offset - initial.level_offset) / scale
        return moved, offset + np.tensordot(middle, slope, middle.ndim)
    middle = (np.mean(initial.level_range, axis=-1) - initial.level_offset) / scale
    moved = np.zeros((*((len(model.axes),) if model.axes else ()), *offset.shape))
    for index, axis in enumerate(getattr(TASKS.get(model.task), "axes", ())):
        if axis.single_task and axis.single_task.name == initial.task:
            moved[index] = model_scale[index] / scale * slope
            middle = (model_offset[index] - initial.level_offset) / scale
    return moved, offset + np.tensordot(middle, slope, middle.ndim)


def _check_fits(model, initial):
    for name in (
        "blocks",
        "filters",
        "image_residual",
        "tail_form",
        "level_table",
        "expansion",
    ):
        expected, found = getattr(model, name), getattr(initial, name)
        if expected != found:
            raise ValueError(
                f"expected an initial network with {name} {expected}, got one with {name} {found}"
            )
    if not set(initial.places) <= set(model.places):
        raise ValueError(
            f"expected an initial network with generated kernels at {model.places}, "
            f"got some at {initial.places}"
        )
    if isinstance(model, MethodRes) and model.channels != initial.channels:
        raise ValueError(f"expected an initial network of {model.channels} channels")
    if model.task == initial.task and model.axes != initial.axes:
        raise ValueError(f"expected an initial network with axes {model.axes}, got {initial.axes}")
    if isinstance(model, CustomRes | MethodRes):
        level_maps = [(one.task, one.level_offset, one.level_scale) for one in (model, initial)]
        if level_maps[0] != level_maps[1]:
            raise ValueError(f"expected an initial network for {model.task}, with the same levels")


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
    rows: dict[Any, list] = {}
    # As numpy arrays: the pipeline is TensorFlow's, the network any backend's.
    for inputs, clean in validation.as_numpy_iterator():
        for index, level in enumerate(np.asarray(inputs["level"])[0].tolist()):
            level = tuple(level) if isinstance(level, list) else level
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
