"""Restores and scores pictures; reading and scoring overlap with the network."""

import collections
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from keras_hyper.evaluation.score import Scoring, rounded

# Number of pictures prepared ahead, and of those not yet scored; both bound the memory.
_AHEAD = 2


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
    level: float
    make: Callable[[], tuple[np.ndarray, np.ndarray]]
    scoring: Scoring
    key: str = ""


def measure(
    jobs: Iterable[Job], restore: Callable[[np.ndarray, float], np.ndarray] | None
) -> Iterator[tuple[Job, dict[str, float] | Exception]]:
    """Restores and scores pictures.

    Other threads prepare the next pictures and score the last ones.

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
                yield job, _outcome(figures)
            if not made:
                return


def _outcome(figures):
    try:
        return figures.result()
    except (ValueError, OSError) as error:
        return error


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
    return scorer.submit(_figures, job, clean, degraded, restored, seconds)


def _figures(job, clean, degraded, restored, seconds):
    others = [degraded] if restored is None else [degraded, rounded(restored)]
    found = job.scoring.figures(clean, others)
    figures = {f"{name}_before": value for name, value in found[0].items()}
    if restored is not None:
        figures |= {f"{name}_after": value for name, value in found[1].items()}
        figures["seconds"] = seconds
    return figures
