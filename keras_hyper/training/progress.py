"""A progress bar with loss, the goal's figure and time left."""

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressBar(keras.callbacks.Callback):
    """Shows where the run is; where nobody watches (a log file), one line an epoch.

    Args:
        step: Step that the run begins at.
        steps: Step after the last.
        console: Where it is shown.
        goal: Has the metrics to show and what they are.
    """

    def __init__(self, step: int, steps: int, console: Console, goal):
        super().__init__()
        self.step, self.console, self.goal = step, console, goal
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

    def on_train_begin(self, logs=None):
        """Shows the bar."""
        self.bar.start()

    def on_train_batch_end(self, batch, logs=None):
        """Moves the bar."""
        self.step += 1
        mean = _mean(logs, f"{self.goal.watched}_")
        figures = f"loss {float(logs['loss']):.4f}  {self.goal.heading} {mean:.2f}"
        self.bar.update(self.line, completed=self.step, figures=figures)

    def on_epoch_end(self, epoch, logs=None):
        """Prints the figures of the validation."""
        prefix = f"val_{self.goal.watched}_"
        levels = "  ".join(
            f"{name.removeprefix(prefix)}: {value:.2f}"
            for name, value in logs.items()
            if name.startswith(prefix)
        )
        self.console.print(
            f"step {self.step}: loss {logs['loss']:.4f}, validation {self.goal.heading}  {levels}",
            highlight=False,
        )

    def on_train_end(self, logs=None):
        """Takes the bar away."""
        self.bar.stop()


def _mean(logs, prefix):
    values = [float(value) for name, value in logs.items() if name.startswith(prefix)]
    return sum(values) / len(values)
