"""The results of ``keras-hyper estimate``: noise and JPEG quality, or the level of a task."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np

from keras_hyper.restoration.level import (
    UsedLevel,
    estimator_for,
    estimators_for,
    find_levels,
    quality_of_jpeg,
)
from keras_hyper.restoration.picture import estimate
from pipelines import TASKS, Task
from pipelines.jpeg_analysis import JpegQuality
from pipelines.levels import level_text

Row = dict[str, Any]


class NoiseAndQuality:
    """Estimates the sigma of the noise, and the JPEG quality of the file or of the one before it.

    Args:
        model: Estimator of noise: a file or the name of a preset; None: the one that ships.
        quality_model: Estimator of quality, likewise.
        engine: What runs the networks.

    Attributes:
        facts: Entries of the JSON report beside the rows.
        columns: Headings of a row's texts, each with its alignment.
        caption: Text below the table.
    """

    columns = {"sigma": "right", "JPEG quality": "right"}

    def __init__(self, model: str | None, quality_model: str | None, engine: str):
        noise, quality = TASKS["denoise"], TASKS["dejpeg"]
        self._noise = estimator_for(noise.name, model, engine)
        self._quality = estimator_for(quality.name, quality_model, engine)
        names = model or noise.estimator, quality_model or quality.estimator
        self.facts = {"model": names[0], "quality_model": names[1], "unit": self._noise.unit}
        self.caption = (
            f"sigma estimated by the network: {self._noise.unit}; quality read from the file "
            "unless its source is given"
        )

    def row(self, path: Path, pixels: np.ndarray) -> Row:
        """Returns the estimates of a picture, for JSON.

        Raises:
            ValueError: If the picture is too small.
        """
        found = quality_of_jpeg(path, pixels, self._quality)
        return {"sigma": estimate(pixels, self._noise), "jpeg": found and asdict(found)}

    def texts(self, row: Row) -> tuple[str, ...]:
        """Returns the texts of a row, by column."""
        jpeg = str(JpegQuality(**row["jpeg"])) if row["jpeg"] else "no JPEG"
        return f"{row['sigma']:.1f}", jpeg


class LevelOfTask:
    """Estimates the level that a task would restore at.

    Args:
        task: With an estimator for each of its axes.
        models: Files or names of estimators that replace those that ship.
        engine: What runs the networks.

    Attributes:
        facts: As of `NoiseAndQuality`.
        columns: Likewise.
        caption: Likewise.
    """

    columns = {"level": "right", "source": "left"}

    def __init__(self, task: Task, models: list[str], engine: str):
        self._task, self._estimators = task, estimators_for(task, models, engine)
        self.facts, self.caption = {"task": task.name, "unit": task.unit}, task.unit

    def row(self, path: Path, pixels: np.ndarray) -> Row:
        """Returns the estimate of a picture, for JSON; see `NoiseAndQuality.row`."""
        # With an estimator for every level none is missing.
        found = cast(UsedLevel, find_levels(self._task, path, pixels, self._estimators))
        return {"level": found.level, "source": found.source, "needed": found.needed}

    def texts(self, row: Row) -> tuple[str, ...]:
        """Returns the texts of a row, by column."""
        axes = [axis.name for axis in self._task.axes]
        level = level_text(np.round(row["level"], 1).tolist(), axes)
        return level, ", ".join(np.ravel(row["source"]))


Estimates = NoiseAndQuality | LevelOfTask
