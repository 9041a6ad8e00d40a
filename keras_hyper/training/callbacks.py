"""Callbacks of a run: checkpoints, progress, history, the stop at a loss that is not finite."""

import math
import os
import signal
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from keras_hyper.training.folder import BEST, CHECKPOINT, PREVIOUS_CHECKPOINT, read_json, write_json
from keras_hyper.training.objective import Objective
from keras_hyper.training.processes import ALONE, Processes


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM came; the checkpoint of that step is on disk."""


class StopOnNaN(keras.callbacks.Callback):
    """Stops the run when a loss or a figure of the validation is not finite.

    Args:
        step: First step of the run.
        folder: Folder of the run, for the message.
    """

    def __init__(self, step: int, folder: Path):
        super().__init__()
        self.step, self.folder = step, folder

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        """Checks the losses of the step."""
        self.step += 1
        if not math.isfinite(float(logs["loss"])):
            self._stop([name for name in logs if name.startswith("loss_")] or ["loss"], logs)

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Checks the figures of the epoch."""
        self._stop(list(logs), logs)

    def _stop(self, names, logs):
        broken = [name for name in names if not math.isfinite(float(logs[name]))]
        if broken:
            path = self.folder / CHECKPOINT
            last = f"the last good checkpoint is {path}" if path.exists() else "no checkpoint yet"
            raise FloatingPointError(f"{', '.join(broken)} not finite at step {self.step}; {last}")


class History(keras.callbacks.Callback):
    """Keeps the figures of every epoch in a JSON file, over resumed runs too.

    ``seconds`` of a row are those of all training until then, with validation, without pauses;
    ``seconds_a_step`` is the mean time of a step since the row before, without validation.

    Args:
        path: The file.
        step: First step of the run. Rows of later steps are replaced.

    Raises:
        ValueError: If the file is damaged.
    """

    def __init__(self, path: Path, step: int):
        super().__init__()
        self.path, self.step = path, step
        rows = read_json(path, list) if path.exists() else []
        self.rows = [row for row in rows if row["step"] <= step]
        self.last = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the clock of the steps."""
        self.begun, self.first = time.monotonic(), self.step

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Counts the step."""
        self.step += 1

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Stops the clock of the steps."""
        self.a_step = (time.monotonic() - self.begun) / max(1, self.step - self.first)

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Adds a row."""
        now = time.monotonic()
        seconds = now - self.last + (self.rows[-1].get("seconds", 0.0) if self.rows else 0.0)
        self.last = now
        figures = {name: float(value) for name, value in logs.items()}
        times = {"seconds": round(seconds, 1), "seconds_a_step": round(self.a_step, 5)}
        self.rows.append({"step": self.step, **times, **figures})
        write_json(self.path, self.rows)


class Checkpoint(keras.callbacks.Callback):
    """Saves the trainer (weights, average, optimizer) after every epoch and on a signal.

    The last two are kept. Each is written beside its place and renamed: a full disk or a kill
    leaves the earlier ones whole. A signal to one process stops all after the same step.

    Args:
        folder: Folder of the run.
        step: First step of the run.
        processes: Of the run.
    """

    def __init__(self, folder: Path, step: int = 0, processes: Processes = ALONE):
        super().__init__()
        self.folder, self.step, self.processes = folder, step, processes
        self.signal = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Handles SIGINT and SIGTERM until the training ends."""
        self.handlers = {
            # A step in flight cannot be saved: the callback saves after it.
            number: signal.signal(number, lambda came, frame: setattr(self, "signal", came))
            for number in (signal.SIGINT, signal.SIGTERM)
        }

    def on_train_end(self, logs: dict | None = None) -> None:
        """Restores the handlers of the signals."""
        self.restore_signals()

    def restore_signals(self) -> None:
        """Restores the handlers of the signals."""
        for number, handler in getattr(self, "handlers", {}).items():
            signal.signal(number, handler)
        self.handlers = {}

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Counts the step; saves and stops if a signal came."""
        self.step += 1
        if came := int(self.processes.all_of(self.signal).max()):
            self.save()
            raise TrainingInterrupted(
                f"stopped by {signal.Signals(came).name} after step {self.step}; "
                "--resume continues from there"
            )

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Saves."""
        self.save()

    def save(self) -> None:
        """Writes the checkpoint and keeps the one before; in process 0 alone."""
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        if not self.processes.index:
            path = self.folder / CHECKPOINT
            save_whole(self.model, path, keep=self.folder / PREVIOUS_CHECKPOINT)


class BestNetwork(keras.callbacks.Callback):
    """Saves the network, with the average of its weights, at its best validation so far.

    Args:
        folder: Folder of the run. Validations in its ``history.json`` count, too.
        names: Names of the k levels.
        objective: The `Objective`, whose metric decides, the mean over the levels.
        writes: Whether this process writes files.
    """

    def __init__(self, folder: Path, names: list[str], objective: Objective, writes: bool = True):
        super().__init__()
        self.writes, self.path, self.better = writes, folder / BEST, objective.better
        self.keys = [f"{objective.metric}_{name}" for name in names]
        history = folder / "history.json"
        rows = read_json(history, list) if history.exists() and self.path.exists() else []
        known = [self._mean({key: row[f"val_{key}"] for key in self.keys}) for row in rows]
        self.best = self.better(known) if known else None

    def _mean(self, figures):
        return sum(float(figures[key]) for key in self.keys) / len(self.keys)

    def on_test_end(self, logs: dict) -> None:
        """Saves if this validation is the best."""
        mean = self._mean(logs)
        known = self.best is not None and self.better(mean, self.best) == self.best
        if known or not math.isfinite(mean):
            return
        self.best = mean
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        network = self.model.main.with_precision("float32")
        if self.writes:
            save_whole(network, self.path)


def save_whole(model: keras.Model, path: Path, keep: Path | None = None) -> None:
    """Saves a model beside `path` and renames it into place.

    Args:
        model: Any Keras model.
        path: A ``.keras`` file; an existing one is replaced.
        keep: New name of the existing one; None deletes it.

    Raises:
        OSError: If the disk is full or the folder cannot be written; `path` is as it was.
    """
    partial = path.with_name(f".{path.stem}.partial.keras")
    distribution = keras.distribution.distribution()
    # Keras makes variables while it saves: not those of other processes, which do not save.
    keras.distribution.set_distribution(None)
    try:
        model.save(partial)
        if keep and path.exists():
            os.replace(path, keep)
        os.replace(partial, path)
    finally:
        keras.distribution.set_distribution(distribution)
        partial.unlink(missing_ok=True)


def load_checkpoint(folder: Path, kind: type, say: Callable[[str], object]) -> keras.Model:
    """Loads the newest checkpoint of a run that can be loaded.

    Args:
        folder: Folder of the run.
        kind: Class of its trainer.
        say: Called with a line if the newest is damaged and the one before is used.

    Raises:
        ValueError: If none can be loaded; the text says why.
    """
    failures = []
    for path in (folder / CHECKPOINT, folder / PREVIOUS_CHECKPOINT):
        try:
            trainer = _loaded(path, kind)
        except ValueError as error:
            failures.append(str(error))
            continue
        if failures:
            say(f"{failures[0]}; resuming from the one before, {path}")
        return trainer
    raise ValueError("; ".join(failures))


def _loaded(path, kind):
    if not path.exists():
        raise ValueError(f"no such checkpoint: {path}")
    try:
        trainer = keras.models.load_model(path)
    except Exception as error:
        # Keras says "File not found" of a truncated file.
        reason = str(error).splitlines()[0] if zipfile.is_zipfile(path) else "not a whole file"
        raise ValueError(f"{path} cannot be loaded as a checkpoint: {reason}") from error
    if not isinstance(trainer, kind):
        raise ValueError(
            f"{path}: expected a checkpoint of a {kind.__name__}, got a {type(trainer).__name__}"
        )
    return trainer


class ProgressBar(keras.callbacks.Callback):
    """Shows the progress of a run; where the output is a file, one line an epoch.

    Args:
        step: First step of the run.
        steps: Steps of the run in all.
        names: Names of the k levels, in their order.
        console: Where it is shown.
        objective: The `Objective`, whose metric is shown.
    """

    def __init__(
        self, step: int, steps: int, names: list[str], console: Console, objective: Objective
    ):
        super().__init__()
        self.step, self.names, self.console, self.objective = step, names, console, objective
        self.bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.line = self.bar.add_task("training", total=steps, completed=step, figures="")

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Shows the bar."""
        self.bar.start()

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        """Moves the bar."""
        self.step += 1
        metric = self.objective.metric
        mean = sum(float(logs[f"{metric}_{name}"]) for name in self.names) / len(self.names)
        figures = f"loss {float(logs['loss']):.4f}  {self.objective.heading} {mean:.2f}"
        self.bar.update(self.line, completed=self.step, figures=figures)

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Prints the figures of the validation."""
        metric = self.objective.metric
        levels = "  ".join(f"{name}: {logs[f'val_{metric}_{name}']:.2f}" for name in self.names)
        self.console.print(
            f"step {self.step}: loss {logs['loss']:.4f}, validation {self.objective.heading}  "
            f"{levels}",
            highlight=False,
            soft_wrap=True,
        )

    def on_train_end(self, logs: dict | None = None) -> None:
        """Removes the bar."""
        self.bar.stop()
