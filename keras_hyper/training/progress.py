"""A progress bar with loss, the goal's figure and time left."""

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressBar(keras.callbacks.Callback):
    """Shows where the run is; where nobody watches (a log file), one line an epoch.

    Args:
        step: Step that the run begins at.
        steps: Step after the last.
        names: What the k levels are called, in their order.
        console: Where it is shown.
        goal: Has the metrics to show and what they are.
    """

    def __init__(self, step: int, steps: int, names: list[str], console: Console, goal):
        super().__init__()
        self.step, self.names, self.console, self.goal = step, names, console, goal
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
        watched = self.goal.watched
        levels = "  ".join(f"{name}: {logs[f'val_{watched}_{name}']:.2f}" for name in self.names)
        self.console.print(
            f"step {self.step}: loss {logs['loss']:.4f}, validation {self.goal.heading}  {levels}",
            highlight=False,
            soft_wrap=True,
        )

    def on_train_end(self, logs=None):
        """Takes the bar away."""
        self.bar.stop()


def _mean(logs, prefix):
    values = [float(value) for name, value in logs.items() if name.startswith(prefix)]
    return sum(values) / len(values)
