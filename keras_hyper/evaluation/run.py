"""Joins pictures, a protocol and what restores them to a report."""

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_hyper.errors import checked
from keras_hyper.restoration.restorer import Restorer
from pipelines import Protocol, Task


@dataclass(frozen=True)
class Measurement:
    """What is to be measured.

    Args:
        task: The task.
        protocol: How pictures are degraded and scored.
        levels: In the task's unit.
        metrics: Keys of `keras_hyper.evaluation.METRICS`.
        seed: Of the noise.
        precision: Of the layers.
    """

    task: Task
    protocol: Protocol
    levels: Sequence[float]
    metrics: tuple[str, ...] = ("psnr", "ssim")
    seed: int = 0
    precision: str = "float32"


def measured(
    wanted: Measurement,
    data: Path,
    restorer: Restorer | None,
    *,
    store: Path | None = None,
    reuse: bool = False,
    console=None,
) -> dict[str, Any]:
    """Measures a folder of pictures, with a progress bar where somebody watches.

    Args:
        wanted: What is to be measured.
        data: Folder of clean pictures.
        restorer: What restores them; None measures the degraded pictures alone.
        store: File that every figure goes to as it comes.
        reuse: Whether figures that are there already are taken instead of measured again.
        console: A rich console for the progress bar.

    Returns:
        The report as ``keras-hyper evaluate --json`` writes it, but for the command.

    Raises:
        WrongArgumentError: If the folder is missing or has no picture.
        ValueError: If no picture could be measured; the text names the first and why.
    """
    from keras_hyper.evaluation import level_rows, mean_row, measure
    from keras_hyper.evaluation.store import FigureStore
    from pipelines.images import find_pictures

    warnings.filterwarnings("ignore", message=".*outside the range trained on")
    paths = checked(lambda: find_pictures(data))
    figures = FigureStore(store, reuse)
    channels = wanted.protocol.channels or (restorer.channels if restorer else 3)
    jobs = _jobs(wanted, data, paths, channels, restorer)
    pictures, failed = [], {}
    missing = (job for job in jobs if job.key not in figures and job.name not in failed)
    outcomes = measure(missing, restorer.restore if restorer else None)
    with _Bar(console, len(jobs)) as advance:
        advance(sum(job.key in figures for job in jobs))
        for job, outcome in outcomes:
            if isinstance(outcome, Exception):
                failed[job.name] = _reason(job.name, outcome)
            else:
                figures.add(job.key, outcome, picture=job.name, level=job.level)
            advance(1)
    for job in jobs:
        if job.key in figures and job.name not in failed:
            place = {"set": data.resolve().name, "picture": job.name, "level": job.level}
            pictures.append(place | figures[job.key])
    if not pictures:
        raise ValueError(
            f"none of {len(paths)} pictures could be measured; {[*failed.values()][0]}"
        )
    rows = level_rows(pictures)
    return {
        "task": wanted.task.name,
        "unit": wanted.task.unit,
        "model": restorer.name if restorer else None,
        "protocol": wanted.protocol.text,
        "protocol_name": wanted.protocol.name,
        "seed": wanted.seed,
        "precision": wanted.precision,
        "rows": rows,
        "mean": mean_row(rows),
        "pictures": pictures,
        "left_out": list(failed.values()),
        "notes": _notes(wanted, paths, channels, restorer),
    }


def _jobs(wanted, data, paths, channels, restorer):
    from keras_hyper.evaluation import Job, Scoring
    from keras_hyper.evaluation.store import figure_key, file_hash
    from pipelines.dataset.benchmark import degraded_pair

    protocol, jobs = wanted.protocol, []
    hashes = {path: file_hash(path) for path in paths}
    for level in wanted.levels:
        scoring = Scoring(
            wanted.metrics, protocol.psnr_on, protocol.ssim_on, protocol.border(level)
        )
        for path in paths:
            make = functools.partial(degraded_pair, path, protocol, level, channels, wanted.seed)
            key = figure_key(
                model=restorer and restorer.identity,
                precision=wanted.precision,
                task=wanted.task.name,
                protocol=protocol.text,
                channels=channels,
                seed=wanted.seed,
                picture=hashes[path],
                level=level,
                metrics=sorted(wanted.metrics),
            )
            jobs.append(Job(path.relative_to(data).as_posix(), level, make, scoring, key))
    return jobs


def _reason(name, error):
    text = " ".join(str(error).split()) or type(error).__name__
    return text if Path(name).name in text else f"{name}: {text}"


class _Bar:
    """A progress bar that is used as a function: how many more are done."""

    def __init__(self, console, total):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        watched = console is not None and console.is_terminal
        columns = ("pictures", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, disable=not watched)
        self.line = self.bar.add_task("pictures", total=total)

    def __enter__(self):
        self.bar.start()
        return lambda count: self.bar.advance(self.line, count)

    def __exit__(self, *error):
        self.bar.stop()


def _notes(wanted, paths, channels, restorer):
    """What a reader of the figures has to know beside the protocol."""
    from PIL import Image

    notes = []
    if restorer and restorer.channels != channels:
        notes.append(
            "the network is gray and the pictures are colour: their luma is restored, their "
            "chroma left as it is" if channels == 3 else
            "the network is for colour and the pictures are gray: each goes through it as three "
            "equal channels"
        )  # fmt: skip
    modes = []
    for path in paths:
        try:
            with Image.open(path) as picture:
                modes.append("gray" if picture.mode in ("1", "L", "LA", "I", "I;16") else "colour")
        except (OSError, ValueError):
            continue  # named among those that are left out
    gray = modes.count("gray")
    if channels == 3 and gray:
        notes.append(f"{gray} of {len(modes)} pictures are gray: measured as three equal channels")
    if restorer:
        low, high = restorer.level_range
        beyond = [f"{level:g}" for level in wanted.levels if not low <= level <= high]
        if beyond:
            notes.append(
                f"level {', '.join(beyond)} is outside the range trained on, {low:g} to {high:g}"
            )
    return notes
