"""Pictures through a network, with what surrounds it beside it."""

import collections
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from keras_hyper.evaluation.score import Scoring, rounded

# How many pictures are made ahead, and how many wait for their scores: both bound memory alone.
_AHEAD = 2


@dataclass(frozen=True)
class Job:
    """One picture at one level.

    Args:
        name: What it is called in tables and errors.
        level: In the task's unit.
        make: ``() -> (degraded, clean)``, float32 ``(height, width, channels)`` each; raises
            ValueError or OSError where there is no such picture.
        scoring: What is measured.
        key: Whatever the caller knows it by again.
    """

    name: str
    level: float
    make: Callable[[], tuple[np.ndarray, np.ndarray]]
    scoring: Scoring
    key: str = ""


def measure(
    jobs: Iterable[Job], restore: Callable[[np.ndarray, float], np.ndarray] | None
) -> Iterator[tuple[Job, dict[str, float] | Exception]]:
    """Restores and scores; the next pictures are made and the last scored beside the network.

    Args:
        jobs: What to measure.
        restore: ``(degraded, level) -> restored``, pictures ``(height, width, channels)``; what it
            returns is clipped and rounded to 8 bits. None measures the degraded pictures alone.

    Yields:
        The job, and its figures: ``psnr_before``, ``psnr_after``, ... by the metrics' names and
        ``seconds`` of the network; or the ValueError or OSError of a skipped picture.
        In the order of `jobs`.
    """
    with ThreadPoolExecutor(1) as maker, ThreadPoolExecutor(1) as judge:
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
                scored.append((job, _after(pair, job, restore, judge)))
            while scored and (len(scored) > _AHEAD or not made):
                job, figures = scored.popleft()
                yield job, _outcome(figures)
            if not made:
                return


def _outcome(figures):
    try:
        return figures.result()
    except (ValueError, OSError) as error:
        return error


def _after(pair, job, restore, judge) -> Future:
    """Runs the network in this thread and leaves the scores to another."""
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
    return judge.submit(_figures, job, clean, degraded, restored, seconds)


def _figures(job, clean, degraded, restored, seconds):
    others = [degraded] if restored is None else [degraded, rounded(restored)]
    found = job.scoring.figures(clean, others)
    figures = {f"{name}_before": value for name, value in found[0].items()}
    if restored is not None:
        figures |= {f"{name}_after": value for name, value in found[1].items()}
        figures["seconds"] = seconds
    return figures
