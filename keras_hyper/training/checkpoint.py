"""Checkpoints: whole, never half written, and one more when the run is told to stop."""

import math
import os
import signal
from pathlib import Path

import keras


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM came; the checkpoint of that step is on the disk."""


class Checkpoint(keras.callbacks.Callback):
    """Saves the trainer (weights, average, optimizer) after every epoch and on a signal.

    Written to a sibling and renamed into place: a full disk or a kill leaves the last one whole.

    Args:
        path: The ``.keras`` file.
        step: Step that the run begins at.
    """

    def __init__(self, path: Path, step: int = 0):
        super().__init__()
        self.path = path
        self.step = step
        self.signal = None

    def on_train_begin(self, logs=None):
        """Takes over SIGINT and SIGTERM until the training ends."""
        self.previous = {
            number: signal.signal(number, self._remember)
            for number in (signal.SIGINT, signal.SIGTERM)
        }

    def on_train_end(self, logs=None):
        """Gives the signals back."""
        self.restore_signals()

    def restore_signals(self):
        """Gives the signals back to whoever had them."""
        for number, handler in getattr(self, "previous", {}).items():
            signal.signal(number, handler)
        self.previous = {}

    def _remember(self, number, frame):
        # A step in flight cannot be saved: the callback acts when it is done.
        self.signal = number

    def on_train_batch_end(self, batch, logs=None):
        """Counts the step; saves and leaves if a signal came."""
        self.step += 1
        if self.signal is not None:
            self.save()
            raise TrainingInterrupted(
                f"stopped by {signal.Signals(self.signal).name} after step {self.step}; "
                "--resume goes on from there"
            )

    def on_epoch_end(self, epoch, logs=None):
        """Saves, unless a figure of the epoch is not finite."""
        broken = [name for name, value in (logs or {}).items() if not math.isfinite(value)]
        if broken:
            raise FloatingPointError(
                f"{', '.join(broken)} not finite after step {self.step}; "
                f"the last good checkpoint stays in {self.path}"
            )
        self.save()

    def save(self):
        """Writes the checkpoint."""
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        save_whole(self.model, self.path)


def save_whole(model: keras.Model, path: Path) -> None:
    """Saves a model beside `path` and renames it into place.

    Args:
        model: Any Keras model.
        path: A ``.keras`` file; one that is there is replaced.

    Raises:
        OSError: If the disk is full or the folder cannot be written; `path` is as it was.
    """
    partial = path.with_name(f".{path.stem}.partial.keras")
    try:
        model.save(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
