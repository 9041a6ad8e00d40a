"""Evaluation of a folder of pictures by a protocol."""

import functools
import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from keras_hyper.errors import WrongArgumentError, checked, error_text
from keras_hyper.evaluation.measure import FigureStore, Job, figure_key, measure
from keras_hyper.evaluation.score import Scoring
from keras_hyper.evaluation.tables import level_rows, mean_row
from keras_hyper.export.card import hash_files
from keras_hyper.restoration.kinds import outside_range
from keras_hyper.restoration.restorer import Restorer
from pipelines import Protocol, Task, level_text, parse_levels
from pipelines.dataset.benchmark import degraded_pair
from pipelines.images import find_pictures


@dataclass(frozen=True)
class Measurement:
    """Settings of an evaluation.

    Args:
        task: The task.
        protocol: Degradation and scoring.
        levels: In the task's unit.
        metrics: Keys of `keras_hyper.evaluation.METRICS`.
        seed: Of the noise.
        precision: Of the layers.
    """

    task: Task
    protocol: Protocol
    levels: Sequence[Any]
    metrics: tuple[str, ...] = ("psnr", "ssim")
    seed: int = 0
    precision: str = "float32"

    def facts(self) -> dict[str, Any]:
        """Returns what a report says of it."""
        return {
            "task": self.task.name,
            "unit": self.task.unit,
            "axes": [axis.name for axis in self.task.axes],
            "protocol": self.protocol.text,
            "protocol_name": self.protocol.name,
            "seed": self.seed,
            "precision": self.precision,
        }


def measure_folder(
    measurement: Measurement,
    data: Path,
    restorer: Restorer | None,
    *,
    store: Path | None = None,
    reuse: bool = False,
    console: Console | None = None,
) -> dict[str, Any]:
    """Returns the report of ``keras-hyper evaluate --json``, but for the command.

    Args:
        measurement: Task, protocol, levels, metrics.
        data: Folder of clean pictures.
        restorer: None measures the degraded pictures alone.
        store: File that every figure is appended to.
        reuse: Whether figures of that file are reused.
        console: Shows a progress bar if it is a terminal.

    Raises:
        WrongArgumentError: If the folder does not exist or has no picture.
        ValueError: If no picture could be measured.
    """
    warnings.filterwarnings("ignore", message=".*outside the range trained on")
    paths = checked(lambda: find_pictures(data))
    channels = measurement.protocol.channels or (restorer.channels if restorer else 3)
    jobs = _jobs(measurement, data, paths, channels, restorer)
    pictures, skipped = _measured(data, FigureStore(store, reuse), jobs, restorer, console)
    if not pictures:
        raise ValueError(f"none of {len(paths)} pictures could be measured; {skipped[0]}")
    rows = level_rows(pictures)
    return {
        **measurement.facts(),
        "model": restorer.name if restorer else None,
        "rows": rows,
        "mean": mean_row(rows),
        "pictures": pictures,
        "skipped": skipped,
        "notes": _notes(measurement, paths, channels, restorer),
    }


def _measured(data, figures, jobs, restorer, console):
    """Measures what the store does not have; returns rows of figures, and errors."""
    failed: dict[str, str] = {}
    missing = (job for job in jobs if job.key not in figures and job.name not in failed)
    columns = ("pictures", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = console is None or not console.is_terminal
    with Progress(*columns, console=console, disable=hidden) as bar:
        line = bar.add_task("pictures", total=len(jobs))
        bar.advance(line, sum(job.key in figures for job in jobs))
        for job, outcome in measure(missing, restorer.restore_image if restorer else None):
            if isinstance(outcome, Exception):
                failed[job.name] = error_text(outcome, job.name)
            else:
                figures.add(job.key, outcome, picture=job.name, level=job.level)
            bar.advance(line)
    facts = {"set": data.resolve().name}
    rows = [
        {**facts, "picture": job.name, "level": job.level, **figures[job.key]}
        for job in jobs
        if job.key in figures and job.name not in failed
    ]
    return rows, list(failed.values())


def named_levels(
    words: Sequence[str] | None, task: Task, protocol: Protocol, restorer: Restorer | None
) -> tuple[Any, ...]:
    """Returns levels in ascending order; of several axes tuples.

    Args:
        words: Numbers, or one of ``paper``, ``all`` and ``trained``; None for ``trained``. Of
            several axes a list for each, such as ``noise=15,25 jpeg=40``: all combinations.
        task: Defines ``all``.
        protocol: Defines ``paper``.
        restorer: Defines ``trained``; without one the task does.

    Raises:
        WrongArgumentError: If a level is invalid, or not the only one of the restorer.
    """
    only = restorer.only_level if restorer else None
    trained: tuple[Any, ...] = (restorer.levels or restorer.level_range) if restorer else ()
    if task.axes and not (restorer and restorer.levels):
        trained = tuple(itertools.product(*trained))
    named = {
        "paper": protocol.levels,
        "all": task.all_levels,
        "trained": (only,) if only is not None else trained or task.levels,
    }
    words = words or ["trained"]
    if len(words) == 1 and words[0] in named:
        levels = tuple(sorted(named[words[0]]))
    else:
        levels = checked(lambda: parse_levels(words, task)).fixed
        if not levels:
            raise WrongArgumentError(
                f"expected levels as numbers or one of {', '.join(named)}, got {' '.join(words)}"
            )
    if only is not None and levels != (only,):
        raise WrongArgumentError(
            f"expected level {level_text(only)}, the only one of this model, got {' '.join(words)}"
        )
    return checked(lambda: tuple(protocol.check_level(task.check_level(level)) for level in levels))


def _jobs(measurement, data, paths, channels, restorer):
    protocol, jobs = measurement.protocol, []
    hashes = {path: hash_files([path]) for path in paths}
    identity = restorer and restorer.identity  # a hash of all weights: once
    for level in measurement.levels:
        scoring = Scoring(
            measurement.metrics, protocol.psnr_on, protocol.ssim_on, protocol.border(level)
        )
        for path in paths:
            make = functools.partial(
                degraded_pair, path, protocol, level, channels, measurement.seed
            )
            key = figure_key(
                model=identity,
                precision=measurement.precision,
                task=measurement.task.name,
                protocol=protocol.text,
                channels=channels,
                seed=measurement.seed,
                picture=hashes[path],
                level=level,
                metrics=sorted(measurement.metrics),
            )
            jobs.append(Job(path.relative_to(data).as_posix(), level, make, scoring, key))
    return jobs


def _notes(measurement, paths, channels, restorer):
    """Returns facts that the figures depend on, apart from the protocol."""
    notes = []
    if restorer and restorer.channels != channels:
        notes.append(
            "the network is gray and the pictures are colour: their luma is restored, their "
            "chroma is unchanged" if channels == 3 else
            "the network is for colour and the pictures are gray: each is restored as three "
            "equal channels"
        )  # fmt: skip
    modes = []
    for path in paths:
        try:
            with Image.open(path) as picture:
                modes.append("gray" if picture.mode in ("1", "L", "LA", "I", "I;16") else "colour")
        except (OSError, ValueError):
            continue  # a skipped picture
    gray = modes.count("gray")
    if channels == 3 and gray:
        notes.append(f"{gray} of {len(modes)} pictures are gray: measured as three equal channels")
    if restorer:
        beyond = [
            level for level in measurement.levels if outside_range(level, restorer.level_range)
        ]
        if beyond:
            names = [axis.name for axis in measurement.task.axes]
            texts = ", ".join(level_text(level, names) for level in beyond)
            low, high = map(level_text, np.transpose(restorer.level_range))
            notes.append(f"level {texts} is outside the range trained on, {low} to {high}")
    return notes
