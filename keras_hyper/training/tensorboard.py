"""TensorBoard logs of a run."""

import contextlib
import functools
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from tensorboard.plugins.hparams import api as hparams

from keras_hyper.layers import HyperConv2D
from keras_hyper.training.objective import Objective

_PART_OF = {
    "train": "Training: mean over the epoch's patches. PSNR is some dB higher there than on whole "
    "pictures, since many patches are flat and easy.",
    "validation": "Validation: mean over pictures not trained on, by the averaged weights.",
}
# A wrong setting shows early, however long the epochs are.
_FIRST_STEPS = 50


class TensorBoardLog(keras.callbacks.Callback):
    """Writes losses and PSNR per level, pictures, norms, graph, hyperparameters and a profile.

    Training figures are means over an epoch, validation figures those of the averaged weights. The
    horizontal axis is the step. If the first epoch is longer than 50 steps, training figures and a
    sheet of the current weights are also written after the first 50.

    Args:
        folder: Where the event files go, under ``train`` and ``validation``.
        pairs: One batch of validation pairs for the sheet of pictures.
        names: Names of the k levels.
        step: First step of the run.
        settings: The hyperparameters, by name.
        objective: The `Objective`.
        writes: Whether this process writes files. All compute the sheet, with weights of all.
    """

    def __init__(
        self,
        folder: Path,
        pairs: tuple[dict[str, np.ndarray], np.ndarray],
        names: list[str],
        step: int,
        settings: dict,
        objective: Objective,
        writes: bool = True,
    ):
        super().__init__()
        self.names, self.step, self.objective = names, step, objective
        # Four pictures: more would be too small to see.
        inputs, clean = pairs
        self.pairs = {name: part[:4] for name, part in inputs.items()}, clean[:4]
        self.first = step
        # Numbers can be sorted and plotted in the tab; anything else is shown as text.
        self.settings = {
            name: value if isinstance(value, int | float) else str(value)
            for name, value in settings.items()
        }
        self.writers = {
            part: tf.summary.create_file_writer(str(folder / part))
            if writes
            else tf.summary.create_noop_writer()
            for part in ("train", "validation")
        }

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Writes the graph of the network and the hyperparameters, once."""
        if self.step > self.first:
            return
        # Beside the validation alone: the tab averages a figure over all runs that have settings.
        with self.writers["validation"].as_default(step=self.step):
            hparams.hparams_config(
                hparams=[hparams.HParam(name) for name in self.settings],
                metrics=[
                    hparams.Metric(self._tag(f"{self.objective.metric}_{name}"))
                    for name in self.names
                ],
            )
            hparams.hparams(self.settings)
        if keras.backend.backend() == "tensorflow":
            # float32 and no batching: the graph that a reader expects, not that of the step.
            network = tf.function(functools.partial(self.objective.call, self.model.main))
            image = tf.TensorSpec((1, None, None, self.model.main.channels), tf.float32, "image")
            axes = self.pairs[0]["level"].shape[2:]
            level = tf.TensorSpec(axes, tf.float32, "level")
            with self.writers["train"].as_default(step=self.step):
                tf.summary.graph(network.get_concrete_function(image, level).graph)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Counts the step; writes after the first ones if the epoch is longer."""
        self.step += 1
        if self.step - self.first == batch + 1 == _FIRST_STEPS < self.params["steps"]:
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            self.on_epoch_end(0, logs or {})
            self.on_test_end()
            for writer in self.writers.values():
                writer.flush()

    def on_test_end(self, logs: dict | None = None) -> None:
        """Writes the sheet, if any, while the averaged weights are in place."""
        if not self.objective.restores:
            return
        inputs, clean = self.pairs
        restored = np.clip(ops.convert_to_numpy(self.model(inputs)), 0.0, 1.0)
        for index, name in enumerate(self.names):
            rows = [clean, inputs["image"][:, index], restored[:, index]]
            sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)
            with self.writers["validation"].as_default(step=self.step):
                tf.summary.image(
                    f"clean, degraded, restored/{name}",
                    sheet[None],
                    description="Top row clean, middle row degraded, bottom row restored.",
                )

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Writes the figures of the epoch and the norms of the generators."""
        for name, value in logs.items():
            part = "validation" if name.startswith("val_") else "train"
            with self.writers[part].as_default(step=self.step):
                tag = self._tag(name.removeprefix("val_"))
                tf.summary.scalar(tag, value, description=_PART_OF[part])
        with self.writers["train"].as_default(step=self.step):
            rate = ops.convert_to_numpy(self.model.optimizer.learning_rate)
            tf.summary.scalar("learning rate", rate)
            for layer in self.model.main.layers:
                if isinstance(layer, HyperConv2D):
                    for part, weight in (("w", layer.w), ("b", layer.b)):
                        norm = np.linalg.norm(ops.convert_to_numpy(weight))
                        tf.summary.scalar(f"norm of {part}/{layer.name}", norm)

    def _tag(self, name):
        """``psnr_25`` under the heading ``PSNR in dB``, so that levels lie side by side."""
        for prefix, heading in (("loss", "loss"), (self.objective.metric, self.objective.heading)):
            if name.startswith(f"{prefix}_"):
                return f"{heading}/{name.removeprefix(f'{prefix}_')}"
        return f"{name}/all levels" if name == "loss" else name

    def close(self) -> None:
        """Closes the event files."""
        for writer in self.writers.values():
            writer.close()


class Profile(keras.callbacks.Callback):
    """Profiles ten steps, once the first ten are over.

    Args:
        folder: Folder of the run's event files.
    """

    def __init__(self, folder: Path):
        super().__init__()
        self.folder, self.done = folder, 0
        self.step = contextlib.ExitStack()

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Marks a step, without which the profile knows no step times."""
        if 10 <= self.done < 20:
            mark = tf.profiler.experimental.Trace("train", step_num=self.done, _r=1)
            self.step.enter_context(mark)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Profiles the second ten steps."""
        self.step.close()
        self.done += 1
        if self.done == 10:
            tf.profiler.experimental.start(str(self.folder))
        if self.done == 20:
            tf.profiler.experimental.stop()
