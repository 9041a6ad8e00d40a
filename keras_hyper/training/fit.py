"""One run: from a network and its pairs to a trained network."""

from dataclasses import dataclass
from pathlib import Path

import keras
from keras import ops
from rich.console import Console

from keras_hyper.training.callbacks import History, StopOnNaN
from keras_hyper.training.checkpoint import Checkpoint
from keras_hyper.training.goals import GOALS, Goal
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
        goal: What is learned.
    """

    folder: Path
    steps: int
    every: int
    names: list[str]
    settings: dict
    profile: bool = False
    goal: Goal = GOALS["restore"]

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's file."""
        return self.folder / "checkpoint.keras"


def new_trainer(model: keras.Model, recipe: Recipe, run: Run) -> keras.Model:
    """Returns `model` at the k levels of the run, compiled by the recipe."""
    trainer = run.goal.trainer(model)
    trainer.compile(
        optimizer=recipe.optimizer(run.steps),
        loss=run.goal.loss(),
        metrics=run.goal.metrics(run.names),
    )
    return trainer


def load_trainer(run: Run) -> keras.Model:
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
    if not isinstance(trainer, run.goal.trainer):
        raise ValueError(
            f"A checkpoint of train.py was wanted. {run.checkpoint} holds a "
            f"{type(trainer).__name__}."
        )
    return trainer


def fit(trainer: keras.Model, pairs_from, validation, run: Run, console: Console) -> keras.Model:
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
    pairs = next(validation.as_numpy_iterator())
    log = TensorBoardLog(run.folder / "logs", pairs, run.names, step, run.settings, run.goal)
    callbacks = [
        StopOnNaN(step, run.checkpoint),
        ProgressBar(step, run.steps, run.names, console, run.goal),
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
