"""A run: from its settings to a trained network."""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import tensorflow as tf
from keras import ops
from rich.console import Console

import pipelines
from keras_hyper.errors import checked
from keras_hyper.training import report, stages
from keras_hyper.training.callbacks import (
    BestNetwork,
    Checkpoint,
    History,
    ProgressBar,
    StopOnNaN,
    load_checkpoint,
    save_whole,
)
from keras_hyper.training.config import TrainingConfig
from keras_hyper.training.estimating import restores_best
from keras_hyper.training.folder import has_checkpoint, open_run, write_json
from keras_hyper.training.objective import OBJECTIVES, RESTORES_BEST, Objective
from keras_hyper.training.processes import ALONE, Processes, join
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
        keeps_best: Whether the best network of the validations is kept.
        first: First step; above 0 in a later stage.
        stage: Index of the stage.
        processes: Of the run.
    """

    folder: Path
    steps: int
    validate_every: int
    names: list[str]
    settings: dict
    profile: bool = False
    objective: Objective = OBJECTIVES["restore"]
    keeps_best: bool = True
    first: int = 0
    stage: int = 0
    processes: Processes = ALONE


def train(config: TrainingConfig, console: Console) -> None:
    """Trains, saves and exports one network; prints progress and results to `console`.

    Raises:
        WrongArgumentError: If settings do not fit each other, the folder, or the devices.
        ValueError: If a file of the folder is damaged, or no picture can be read.
        TrainingInterrupted, FloatingPointError: As `fit` does.
    """
    processes = join(config.hosts, config.host_index, os.environ, config.seed)
    if processes.index:
        console = Console(quiet=True)
    if processes.scheduled and has_checkpoint(config.folder):
        console.print(f"{config.folder} holds a checkpoint: the run is resumed", soft_wrap=True)
        config = replace(config, resume=True)
    with processes.together():
        _train(config, console, processes)


def _learned(config):
    """Returns what is learned: task, objective and recipe; and the config, checked."""
    task = checked(lambda: pipelines.get_task(config.task))
    objective = OBJECTIVES[task.objective]
    recipe = checked(lambda: objective.recipe(config.recipe)).changed(config.rate, config.clip)
    if config.loss:
        objective = replace(objective, loss=functools.partial(objective.loss, config.loss))
    task = task if config.gray is None else replace(task, gray=config.gray)
    if config.restorer:
        objective, task = RESTORES_BEST, restores_best(task, config.restorer, config.precision)
    config = stages.checked_method(config, objective.restores)
    stages.check_trunk(config, task)
    return task, objective, recipe, config


def _train(config, console, processes):
    task, objective, recipe, config = _learned(config)
    initial = None
    if config.init_from:
        initial = stages.checked_initial(objective.load(config.init_from), config.method)
    config = config.completed(recipe, initial if objective.restores else None)
    levels = checked(lambda: pipelines.parse_levels(config.levels, task, config.num_levels))
    parts = stages.parts_of(config, levels, task)
    processes.check_batch(config.batch or 1)
    processes.check_device(config.device)
    paths, held_out, watched = checked(lambda: pipelines.split(config.data, config.valid))
    with processes.scope():
        model = None if config.resume else objective.new_model(recipe, task, levels, config)
    if model and initial:
        checked(lambda: objective.initialise(model, initial))
    channels, record = config.channels, config.record(levels, paths, held_out)
    open_run(
        config.folder, record, config.resume, console.print, len(parts) > 1, not processes.index
    )
    runs = _runs(config, parts, record, objective, processes)
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
        pairs_from = _pairs_from(config, task, part, paths, trainer.main, announce, processes)
        network = fit(trainer, pairs_from, valid_at(part.levels.spread()), run, console)
    network = processes.leave(network).with_precision("float32")
    _finish(network, config, task, objective, levels, valid_at, console, not processes.index)


def _runs(config, parts, record, objective, processes):
    return [
        Run(config.folder, part.last, config.validate_every, part.levels.names(), record,
            config.profile, objective, len(parts) == 1, part.first, part.index, processes)
        for part in parts
    ]  # fmt: skip


def _pairs_from(config, task, part, paths, network, announce, processes):
    """``step -> training pairs`` of a stage."""
    batch, patch, budget = part.batch, config.patch, int(config.memory * 2**30)
    copies = pipelines.Copies(config.shrink or (), config.soften or ())
    cache = pipelines.load_patch_cache(
        paths, task, part.levels, config.channels, patch, budget, copies
    )
    if announce:
        announce(cache, network, processes.devices)
    device = config.device or (None if processes.strategy else report.first_gpu())
    return functools.partial(
        pipelines.training_pairs, cache, task, part.levels, batch, patch, config.seed, device=device
    )


def _finish(network, config, task, objective, levels, valid_at, console, writes):
    """Saves, measures and exports the trained network, where this process writes."""
    if not writes:
        return
    if stages.has_two_ends(config):
        found = stages.searched(network, levels, task, valid_at)
        write_json(config.folder / "coefficients.json", found)
    save_whole(network, config.folder / "model.keras")
    rows = objective.measure(network, valid_at(levels.spread()))
    report.conclude(console, config, task, objective, rows, report.export(network, config, rows))


def new_trainer(model: keras.Model, recipe: Recipe, run: Run) -> keras.Model:
    """Returns `model` at the k levels of the run, compiled by the recipe."""
    with run.processes.scope():
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
    first = runs[0]
    with first.processes.scope():
        trainer = load_checkpoint(
            first.folder, first.objective.trainer, lambda line: console.print(line, soft_wrap=True)
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
    processes = run.processes
    processes.check_step(step, run.folder)
    checkpoint = Checkpoint(run.folder, step, processes)
    sheet = next(validation.as_numpy_iterator())
    log = TensorBoardLog(run.folder / "logs", sheet, run.names, step, run.settings, run.objective,
                         not processes.index)  # fmt: skip
    validation = processes.validation(validation)
    callbacks = callbacks_of(run, step, console, log, checkpoint, trainer.optimizer.use_ema)
    try:
        for first, length, epochs in segments(step, run.validate_every, run.steps):
            # The pairs come in their own order.
            pairs = processes.rows(pairs_from(first))
            trainer.fit(pairs, validation_data=validation, steps_per_epoch=length, epochs=epochs,
                        callbacks=callbacks, shuffle=False, verbose=0)  # fmt: skip
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
    writes = not run.processes.index
    callbacks = [
        StopOnNaN(step, run.folder),
        ProgressBar(step, run.steps, run.names, console, run.objective),
        # Before the swap: its sheet shows the averaged weights.
        log,
        *([History(run.folder / "history.json", step)] if writes else []),
        checkpoint,
    ]
    if run.keeps_best:  # before the swap, as the log
        callbacks += [BestNetwork(run.folder, run.names, run.objective, writes)]
    callbacks += [Profile(run.folder / "logs" / "train")] if run.profile and writes else []
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
