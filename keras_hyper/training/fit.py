"""A run: from its settings to a trained network."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import tensorflow as tf
from keras import ops
from rich.console import Console

import pipelines
from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.models import load_hyper_res
from keras_hyper.training import report, stages
from keras_hyper.training.callbacks import (
    Checkpoint,
    History,
    ProgressBar,
    StopOnNaN,
    load_checkpoint,
    save_whole,
)
from keras_hyper.training.config import TrainingConfig, open_run, write_json
from keras_hyper.training.estimating import costs_of_restoring
from keras_hyper.training.objective import OBJECTIVES, RESTORES_BEST, Objective
from keras_hyper.training.recipes import Recipe
from keras_hyper.training.tensorboard import Profile, TensorBoardLog


@dataclass(frozen=True)
class Run:
    """Where a run is and how long it is.

    Args:
        folder: Gets the checkpoints, ``history.json`` and ``logs/``.
        steps: The step that it ends at.
        validate_every: Steps between validations.
        names: Names of the k levels in logs.
        settings: Hyperparameters, for TensorBoard.
        profile: Whether some steps are profiled.
        objective: What is learned.
        first: First step; above 0 in a later stage.
        stage: Index of the stage.
    """

    folder: Path
    steps: int
    validate_every: int
    names: list[str]
    settings: dict
    profile: bool = False
    objective: Objective = OBJECTIVES["restore"]
    first: int = 0
    stage: int = 0


def train(config: TrainingConfig, console: Console) -> None:
    """Trains, saves and exports one network; prints progress and results to `console`.

    Raises:
        WrongArgumentError: If settings do not fit each other, or the folder.
        ValueError: If a file of the folder is damaged, or no picture can be read.
        TrainingInterrupted, FloatingPointError: As `fit` does.
    """
    task = checked(lambda: pipelines.get_task(config.task))
    objective = OBJECTIVES[task.objective]
    recipe = checked(lambda: objective.recipe(config.recipe)).changed(config.rate, config.clip)
    task = task if config.gray is None else replace(task, gray=config.gray)
    if config.restorer:
        objective, task = RESTORES_BEST, _restored_best(task, config)
    config = stages.checked_method(config, objective.restores)
    initial = stages.checked_initial(objective.load(config.init_from)) if config.init_from else None
    config = config.completed(recipe, initial if objective.restores else None)
    levels = checked(lambda: pipelines.parse_levels(config.levels, task, config.num_levels))
    parts = stages.parts_of(config, levels, task)
    paths, held_out, watched = checked(lambda: pipelines.split(config.data, config.valid))
    model = None if config.resume else objective.new_model(recipe, task, levels, config)
    if model and initial:
        checked(lambda: objective.initialise(model, initial))
    channels, record = config.channels, config.record(levels, paths, held_out)
    open_run(config.folder, record, config.resume, console.print, fixed_steps=len(parts) > 1)
    runs = _runs(config, parts, record, objective)
    trainer = new_trainer(model, recipe, runs[0]) if model else load_trainer(runs, recipe, console)
    valid_at = functools.partial(pipelines.validation_pairs, held_out, task, channels=channels)
    announce: Callable | None = functools.partial(
        report.announce, console, config, task, levels, watched
    )
    for part, run in list(zip(parts, runs, strict=True))[trainer.stage :]:
        if part.index > trainer.stage:
            if part.start:
                part.start(trainer.main)
            trainer = new_trainer(trainer.main, recipe, run)
            announce = None
        pairs_from = _pairs_from(config, task, part, paths, trainer.main, announce)
        network = fit(trainer, pairs_from, valid_at(part.levels.spread()), run, console)
    _finish(network.with_precision("float32"), config, task, objective, levels, valid_at, console)


def _runs(config, parts, record, objective):
    return [
        Run(config.folder, part.last, config.validate_every, part.levels.names(), record,
            config.profile, objective, part.first, part.index)
        for part in parts
    ]  # fmt: skip


def _pairs_from(config, task, part, paths, network, announce):
    """``step -> training pairs`` of a stage."""
    batch, patch, budget = part.batch, config.patch, int(config.memory * 2**30)
    cache = pipelines.load_patch_cache(
        paths, task, part.levels, config.channels, patch, budget, config.shrink or ()
    )
    if announce:
        announce(cache, network)
    device = config.device or report.first_gpu()
    return functools.partial(
        pipelines.training_pairs, cache, task, part.levels, batch, patch, config.seed, device=device
    )


def _finish(network, config, task, objective, levels, valid_at, console):
    """Saves, measures and exports the trained network."""
    if stages.has_two_ends(config):
        found = stages.searched(network, levels, task, valid_at)
        write_json(config.folder / "coefficients.json", found)
    save_whole(network, config.folder / "model.keras")
    rows = objective.measure(network, valid_at(levels.spread()))
    report.conclude(console, config, task, objective, rows, report.export(network, config, rows))


def _restored_best(task, config):
    """The task of an estimator that learns which level a network restores best at."""
    if not isinstance(task, pipelines.EstimatorTask):
        raise WrongArgumentError(f"expected no --restorer with --task {task.name}, which restores")
    restorer = load_hyper_res(config.restorer).with_precision(config.precision)
    if restorer.task != task.of.name:
        raise WrongArgumentError(
            f"expected a --restorer for {task.of.name}, got one for {restorer.task}"
        )
    return replace(task, target=costs_of_restoring(restorer))


def new_trainer(model: keras.Model, recipe: Recipe, run: Run) -> keras.Model:
    """Returns `model` at the k levels of the run, compiled by the recipe."""
    trainer = run.objective.trainer(model, stage=run.stage)
    trainer.compile(
        optimizer=recipe.optimizer(run.steps - run.first),
        loss=run.objective.loss(),
        metrics=run.objective.metrics(run.names),
    )
    trainer.build()  # freezes what the stage does not train
    # TensorFlow would trace a first step that creates variables twice.
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def load_trainer(runs: Sequence[Run], recipe: Recipe, console: Console) -> keras.Model:
    """Loads the newest checkpoint of a run: weights, their average, and the optimizer's state.

    The schedule of the learning rate and the window of the average are those of the run's steps,
    which may be more than before.

    Args:
        runs: The run, as one `Run` for each stage.
        recipe: The `Recipe`.
        console: Where a damaged checkpoint is reported.

    Raises:
        ValueError: If no checkpoint can be loaded.
    """
    trainer = load_checkpoint(
        runs[0].folder, runs[0].objective.trainer, lambda line: console.print(line, soft_wrap=True)
    )
    steps = runs[trainer.stage].steps - runs[trainer.stage].first
    trainer.optimizer.learning_rate = recipe.schedule(steps)
    trainer.optimizer.ema_momentum = recipe.optimizer(steps).ema_momentum
    return trainer


def fit(
    trainer: keras.Model,
    pairs_from: Callable[[int], tf.data.Dataset],
    validation: tf.data.Dataset,
    run: Run,
    console: Console,
) -> keras.Model:
    """Trains to the end of the run, from the step of the trainer's optimizer.

    Args:
        trainer: New or loaded. Its network is returned, with the average of its weights if any.
        pairs_from: ``step -> dataset``: endless training pairs from that step on.
        validation: Validation pairs at the same k levels.
        run: Where and how long.
        console: Where progress is shown.

    Raises:
        TrainingInterrupted: After a signal, once the checkpoint is written.
        FloatingPointError: If the loss or a figure of the validation is not finite.
    """
    step = run.first + int(ops.convert_to_numpy(trainer.optimizer.iterations))
    checkpoint = Checkpoint(run.folder, step)
    sheet = next(validation.as_numpy_iterator())
    log = TensorBoardLog(run.folder / "logs", sheet, run.names, step, run.settings, run.objective)
    callbacks = callbacks_of(run, step, console, log, checkpoint, trainer.optimizer.use_ema)
    try:
        for first, length, epochs in segments(step, run.validate_every, run.steps):
            # The pairs come in their own order.
            trainer.fit(pairs_from(first), validation_data=validation, steps_per_epoch=length,
                        epochs=epochs, callbacks=callbacks, shuffle=False, verbose=0)  # fmt: skip
    finally:
        checkpoint.restore_signals()
        log.close()
    trainer.optimizer.put_average(trainer.trainable_variables)
    return trainer.main


def callbacks_of(
    run: Run,
    step: int,
    console: Console,
    log: TensorBoardLog,
    checkpoint: Checkpoint,
    average: bool,
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks of a run in their order, from its step on.

    Args:
        run: Where and how long.
        step: Steps done.
        console: Where progress is shown.
        log: Of TensorBoard.
        checkpoint: Writes the checkpoints.
        average: Whether the recipe has an average of the weights.
    """
    callbacks = [
        StopOnNaN(step, run.folder),
        ProgressBar(step, run.steps, run.names, console, run.objective),
        # Before the swap: its sheet shows the averaged weights.
        log,
        History(run.folder / "history.json", step),
        checkpoint,
    ]
    callbacks += [Profile(run.folder / "logs" / "train")] if run.profile else []
    return callbacks + ([keras.callbacks.SwapEMAWeights()] if average else [])


def segments(step: int, validate_every: int, steps: int) -> list[tuple[int, int, int]]:
    """Splits the rest of a run into calls of `fit`, whose epochs have one length each.

    Args:
        step: Steps done.
        validate_every: Steps of a whole epoch; epochs end at its multiples.
        steps: Steps of the run.

    Returns:
        Rows of first step, steps an epoch, epochs.

    Example:
        >>> segments(5, 10, 33)
        [(5, 5, 1), (10, 10, 2), (30, 3, 1)]
    """
    whole = min(-(-step // validate_every) * validate_every, steps)
    last = max(steps - steps % validate_every, whole)
    rows = [
        (step, whole - step, 1),
        (whole, validate_every, (last - whole) // validate_every),
        (last, steps - last, 1),
    ]
    return [row for row in rows if row[1] * row[2] > 0]
