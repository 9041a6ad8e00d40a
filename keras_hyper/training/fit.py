"""One run: from a network and its pairs to a trained network."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import ops
from rich.console import Console

from keras_hyper.metrics import psnr
from keras_hyper.models import HyperRes, MultiLevel
from keras_hyper.models.precision import policy_of
from keras_hyper.training.callbacks import History, StopOnNaN
from keras_hyper.training.checkpoint import Checkpoint
from keras_hyper.training.objective import MeanLossOfLevels, level_metrics
from keras_hyper.training.progress import ProgressBar
from keras_hyper.training.recipes import Recipe
from keras_hyper.training.tensorboard import Profile, TensorBoardLog


@dataclass(frozen=True)
class Run:
    """Where a run lies and how long it is.

    Args:
        folder: Gets ``checkpoint.keras``, ``history.json`` and ``logs/``.
        steps: Training steps in all.
        every: Steps between validations.
        names: What the k levels are called in logs.
        settings: Hyperparameters, for TensorBoard.
        profile: Whether some steps are profiled.
    """

    folder: Path
    steps: int
    every: int
    names: list[str]
    settings: dict
    profile: bool = False

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's file."""
        return self.folder / "checkpoint.keras"


def new_model(recipe: Recipe, task, levels, args) -> HyperRes:
    """Returns an untrained network for a task.

    Args:
        recipe: Has two options of the network.
        task: Has a name, a unit and the affine map of its level.
        levels: Has the levels trained on and their range.
        args: Has `blocks`, `channels`, `precision` and `seed`.
    """
    keras.utils.set_random_seed(args.seed)
    offset, scale = recipe.level_map or (task.level_offset, task.level_scale)
    model = HyperRes(
        args.channels,
        args.blocks,
        image_residual=recipe.image_residual,
        task=task.name,
        unit=task.unit,
        levels=levels.fixed,
        level_range=(levels.low, levels.high),
        level_offset=offset,
        level_scale=scale,
        dtype=policy_of(args.precision),
    )
    model.build()
    return model


def new_trainer(model: HyperRes, recipe: Recipe, run: Run) -> MultiLevel:
    """Returns the k networks of `model`, compiled by the recipe."""
    trainer = MultiLevel(model)
    trainer.compile(
        optimizer=recipe.optimizer(run.steps),
        loss=MeanLossOfLevels(),
        metrics=level_metrics(run.names),
    )
    return trainer


def load_trainer(run: Run) -> MultiLevel:
    """Loads the checkpoint of a run: weights, their average, and the optimizer's state.

    Raises:
        ValueError: If the file is no checkpoint of ours.
    """
    try:
        trainer = keras.models.load_model(run.checkpoint)
    except Exception as error:
        raise ValueError(
            f"{run.checkpoint} cannot be loaded as a checkpoint: {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(trainer, MultiLevel):
        raise ValueError(
            f"A checkpoint of train.py was wanted. {run.checkpoint} holds a "
            f"{type(trainer).__name__}."
        )
    return trainer


def fit(trainer: MultiLevel, pairs_from, validation, run: Run, console: Console) -> HyperRes:
    """Trains to the end of the run, from wherever the trainer's optimizer is.

    Args:
        trainer: New or loaded.
        pairs_from: ``step -> dataset``: endless training pairs, beginning with that step's.
        validation: Validation pairs at the same k levels.
        run: Where and how long.
        console: Where progress is shown.

    Returns:
        The network, with the average of its weights where the recipe has one.

    Raises:
        TrainingInterrupted: After a signal, once the checkpoint is written.
        FloatingPointError: If the loss stops being a number.
    """
    step = int(ops.convert_to_numpy(trainer.optimizer.iterations))
    checkpoint = Checkpoint(run.checkpoint, step)
    log = TensorBoardLog(
        run.folder / "logs", next(validation.as_numpy_iterator()), run.names, step, run.settings
    )
    callbacks = [
        StopOnNaN(step, run.checkpoint),
        ProgressBar(step, run.steps, run.names, console),
        # Before the swap: its sheet is drawn with the averaged weights.
        log,
        History(run.folder / "history.json", step),
        checkpoint,
    ]
    if run.profile:
        callbacks.append(Profile(run.folder / "logs" / "train"))
    if trainer.optimizer.use_ema:
        callbacks.append(keras.callbacks.SwapEMAWeights())
    try:
        for first, length, epochs in stretches(step, run.every, run.steps):
            trainer.fit(
                pairs_from(first),
                validation_data=validation,
                steps_per_epoch=length,
                epochs=epochs,
                callbacks=callbacks,
                shuffle=False,  # the pairs come in their own order
                verbose=0,
            )
    finally:
        checkpoint.restore_signals()
        log.close()
    trainer.optimizer.put_average(trainer.trainable_variables)
    return trainer.main


def stretches(step: int, every: int, steps: int) -> list[tuple[int, int, int]]:
    """Splits what is left of a run into calls of `fit`, whose epochs are of one length each.

    Args:
        step: Steps done.
        every: Steps of a whole epoch; epochs end at its multiples.
        steps: Steps of the run.

    Returns:
        Rows of first step, steps an epoch, epochs.

    Example:
        >>> stretches(5, 10, 33)
        [(5, 5, 1), (10, 10, 2), (30, 3, 1)]
    """
    whole = min(-(-step // every) * every, steps)
    last = max(steps - steps % every, whole)
    rows = [
        (step, whole - step, 1),
        (whole, every, (last - whole) // every),
        (last, steps - last, 1),
    ]
    return [row for row in rows if row[1] * row[2] > 0]


def psnr_before_and_after(model: HyperRes, validation) -> list[tuple[float, float, float]]:
    """Returns ``(level, PSNR of the degraded, PSNR of the restored)``, means over the pictures.

    Args:
        model: The network.
        validation: Validation pairs.
    """
    rows: dict[float, list] = {}
    # As numpy arrays: the pipeline is TensorFlow's, the network any backend's.
    for inputs, clean in validation.as_numpy_iterator():
        for draw, level in enumerate(np.asarray(inputs["level"])[0].tolist()):
            degraded = inputs["image"][:, draw]
            restored = ops.clip(model({"image": degraded, "level": level}), 0.0, 1.0)
            before, after = psnr(clean, degraded), psnr(clean, restored)
            rows.setdefault(level, []).extend(
                zip(ops.convert_to_numpy(before), ops.convert_to_numpy(after), strict=True)
            )
    return [(level, *np.mean(pairs, axis=0).tolist()) for level, pairs in rows.items()]
