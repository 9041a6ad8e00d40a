"""Measuring of pictures, and the file of figures from which it continues."""

import collections
import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_hyper.evaluation.score import Scoring, rounded

# Number of pictures prepared ahead, and of those not yet scored; both bound the memory.
_AHEAD = 2
# Part of every key of a stored figure: raised when a measurement changes but not its name.
VERSION = 1


@dataclass(frozen=True)
class Job:
    """One picture at one level.

    Args:
        name: Name of the picture in tables and errors.
        level: In the task's unit.
        make: ``() -> (degraded, clean)``, float32 ``(height, width, channels)`` each; raises
            ValueError or OSError if it cannot be read.
        scoring: Metrics and pixels.
        key: For the caller.
    """

    name: str
    level: Any
    make: Callable[[], tuple[np.ndarray, np.ndarray]]
    scoring: Scoring
    key: str = ""


def measure(
    jobs: Iterable[Job], restore: Callable[[np.ndarray, float], np.ndarray] | None
) -> Iterator[tuple[Job, dict[str, float] | Exception]]:
    """Restores and scores pictures; other threads prepare the next ones and score the last ones.

    Args:
        jobs: Pictures and levels.
        restore: ``(degraded, level) -> restored``, pictures ``(height, width, channels)``; its
            result is clipped and rounded to 8 bits. None measures the degraded pictures alone.

    Yields:
        In the order of `jobs`: the job, and its figures ``psnr_before``, ``psnr_after``, ... and
        ``seconds`` of the network; or the ValueError or OSError of a skipped picture.
    """
    with ThreadPoolExecutor(1) as maker, ThreadPoolExecutor(1) as scorer:
        made: collections.deque[tuple[Job, Future]] = collections.deque()
        scored: collections.deque[tuple[Job, Future]] = collections.deque()
        waiting = iter(jobs)
        while True:
            for job in waiting:
                made.append((job, maker.submit(job.make)))
                if len(made) > _AHEAD:
                    break
            if made:
                job, pair = made.popleft()
                scored.append((job, _restored_and_scored(pair, job, restore, scorer)))
            while scored and (len(scored) > _AHEAD or not made):
                job, figures = scored.popleft()
                error = figures.exception()
                yield job, error if isinstance(error, (ValueError, OSError)) else figures.result()
            if not made:
                return


def _restored_and_scored(pair, job, restore, scorer) -> Future:
    """Runs the network in this thread; another computes the scores."""
    try:
        degraded, clean = pair.result()
        restored, seconds = None, 0.0
        if restore is not None:
            begun = time.perf_counter()
            restored = restore(degraded, job.level)
            seconds = time.perf_counter() - begun
    except (ValueError, OSError) as error:
        failed: Future = Future()
        failed.set_exception(error)
        return failed

    def figures():
        others = [degraded] if restored is None else [degraded, rounded(restored)]
        found = job.scoring.figures(clean, others)
        named = {f"{name}_before": value for name, value in found[0].items()}
        if restored is not None:
            named |= {f"{name}_after": value for name, value in found[1].items()}
            named["seconds"] = seconds
        return named

    return scorer.submit(figures)


class FigureStore:
    """An append-only file of figures, one line per picture and level.

    Args:
        path: The file; None writes nothing.
        reuse: Whether the figures in the file are used instead of new measurements.
    """

    def __init__(self, path: Path | None, reuse: bool):
        self.path = path
        self.known: dict[str, dict[str, float]] = {}
        text = path.read_text() if path is not None and path.exists() else ""
        # A run that was killed while writing leaves half a line.
        self.before = "\n" if text and not text.endswith("\n") else ""
        if reuse:
            for line in text.splitlines():
                with contextlib.suppress(ValueError, KeyError, TypeError):  # half a line
                    record = json.loads(line)
                    self.known[record["key"]] = record["figures"]

    def __contains__(self, key: str) -> bool:
        return key in self.known

    def __getitem__(self, key: str) -> dict[str, float]:
        return self.known[key]

    def add(self, key: str, figures: dict[str, float], **facts: Any) -> None:
        """Adds the figures of one picture and level.

        Args:
            key: See `figure_key`.
            figures: By name.
            **facts: Further facts, for readers of the file.

        Raises:
            OSError: If the file cannot be written.
        """
        self.known[key] = figures
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = self.before + json.dumps({"key": key, **facts, "figures": figures}) + "\n"
        self.before = ""
        # One write, so that lines of several processes do not mix.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def figure_key(**facts: Any) -> str:
    """Returns the key of a measurement: a hash of all that its figures depend on.

    Example:
        >>> figure_key(level=25.0) == figure_key(level=25.0) != figure_key(level=15.0)
        True
    """
    text = json.dumps({"version": VERSION, **facts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
