"""Callbacks of a run: its guard against NaN, its history."""

import json
import math
import os
import time
from pathlib import Path

import keras


class StopOnNaN(keras.callbacks.Callback):
    """Ends the run when the loss is no number any more, and says where.

    Args:
        step: Step that the run begins at.
        checkpoint: Where the last good checkpoint is.
    """

    def __init__(self, step: int, checkpoint: Path):
        super().__init__()
        self.step, self.checkpoint = step, checkpoint

    def on_train_batch_end(self, batch, logs=None):
        """Looks at the losses of the step."""
        self.step += 1
        if math.isfinite(float(logs["loss"])):
            return
        levels = [
            name.removeprefix("loss_")
            for name, value in logs.items()
            if name.startswith("loss_") and not math.isfinite(float(value))
        ]
        last = f"the last good checkpoint is {self.checkpoint}"
        raise FloatingPointError(
            f"the loss is not finite at step {self.step}, level {', '.join(levels) or 'unknown'}; "
            + (last if self.checkpoint.exists() else "there is no checkpoint yet")
        )


class History(keras.callbacks.Callback):
    """Keeps the figures of every epoch in a JSON file, over resumed runs too.

    ``seconds`` of a row are those of all training until then, validation included, pauses not.

    Args:
        path: The file.
        step: Step that the run begins at.
    """

    def __init__(self, path: Path, step: int):
        super().__init__()
        self.path, self.step = path, step
        self.last = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        """Counts the step."""
        self.step += 1

    def on_epoch_end(self, epoch, logs=None):
        """Adds a row; rows of a run that went further and was lost are replaced."""
        rows = json.loads(self.path.read_text()) if self.path.exists() else []
        rows = [row for row in rows if row["step"] < self.step]
        now = time.monotonic()
        seconds = now - self.last + (rows[-1].get("seconds", 0.0) if rows else 0.0)
        self.last = now
        figures = {name: float(value) for name, value in logs.items()}
        rows.append({"step": self.step, "seconds": round(seconds, 1), **figures})
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(rows, indent=1))
        os.replace(partial, self.path)
