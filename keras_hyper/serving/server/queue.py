"""Queued requests, the memory they may take, and which of them run together.

Few runs are allowed at a time, so that requests queue here. The next run takes the oldest request
and the queued ones of the same version, signature and size: no request waits for others to come.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

import grpc
import numpy as np

from keras_hyper.serving.server.errors import ServingError, deadline_exceeded, overloaded
from keras_hyper.serving.server.version import Hold, LoadedVersion

_log = logging.getLogger(__name__)
Arrays = dict[str, np.ndarray]


class Budget:
    """A limit of values in memory; may be used from any thread.

    Args:
        most: Most values at a time.
    """

    def __init__(self, most: int):
        self._most = most
        self._taken = 0
        self._lock = threading.Lock()

    def take(self, hold: Hold, values: int) -> None:
        """Takes values until `hold` is released.

        Raises:
            ServingError: UNAVAILABLE if too few remain.
        """
        with self._lock:
            if self._taken + values > self._most:
                raise overloaded(f"requests with {self._taken} values are queued or running")
            self._taken += values

        def give():
            with self._lock:
                self._taken -= values

        hold.on_release(give)


@dataclass(eq=False)
class Job:
    """One request that passed its checks.

    Args:
        hold: The version that it runs on, released when it has run or never will.
        signature: The signature's name.
        inputs: Arrays by input name.
        outputs: Names of the requested outputs; empty for all.
        deadline: Its deadline in the time of `time.monotonic`; None for no deadline.
        key: Jobs with equal keys may run together; None runs alone.
    """

    hold: Hold
    signature: str
    inputs: Arrays
    outputs: tuple[str, ...]
    deadline: float | None
    key: tuple | None = None
    answer: asyncio.Future = field(init=False)

    @property
    def pictures(self) -> int:
        """The number of its pictures."""
        return len(next(iter(self.inputs.values())))

    @property
    def remaining(self) -> float | None:
        """Seconds until its deadline."""
        return None if self.deadline is None else self.deadline - time.monotonic()


def batch_key(
    version: LoadedVersion, signature: str, inputs: Arrays, outputs: tuple[str, ...]
) -> tuple | None:
    """Returns what requests must have in common to run together; None if they must run alone.

    The batch dimension of every input and output must be open, and of one length in the request:
    then the graph treats pictures one by one. Files are excluded: they differ in size, and their
    graph treats them one by one anyway.
    """
    definition = version.signature(signature)
    infos = [*definition.inputs.values(), *definition.outputs.values()]
    if any(not i.tensor_shape.dim or i.tensor_shape.dim[0].size != -1 for i in infos):
        return None
    arrays = [inputs[name] for name in sorted(inputs)]
    if any(array.dtype == object for array in arrays) or len({len(a) for a in arrays}) > 1:
        return None
    return (id(version), signature, outputs, *(array.shape[1:] for array in arrays))


class Queue:
    """Runs jobs in the order of their arrival, a bounded number at a time.

    Its methods run in the thread of the event loop; the graphs run in the executor's.

    Args:
        executor: Threads for the runs.
        running: Most runs at a time.
        batch: Maximum batch size of joined requests; 1 turns batching off.
    """

    def __init__(self, executor: Executor, running: int = 2, batch: int = 1):
        self._executor = executor
        self._free = running
        self._batch = batch
        self._queued: deque[Job] = deque()

    async def run(self, job: Job) -> Arrays:
        """Runs a job in its turn.

        A job whose caller is cancelled is removed while it is queued; a running one runs to its
        end.

        Raises:
            ServingError: With the graph's code, or DEADLINE_EXCEEDED.
        """
        job.answer = asyncio.get_running_loop().create_future()
        self._queued.append(job)
        self._start_runs()
        return await job.answer

    def _start_runs(self):
        while self._free and self._queued:
            jobs = self._next_batch()
            if jobs:
                self._free -= 1
                run = asyncio.get_running_loop().run_in_executor(self._executor, _run, jobs)
                run.add_done_callback(partial(self._finish, jobs))

    def _next_batch(self):
        """Removes the oldest job and those to run with it; returns none if it has ended."""
        first = self._queued.popleft()
        if _has_ended(first):
            return []
        jobs, pictures = [first], first.pictures
        if self._batch > 1 and first.key:
            for job in [job for job in self._queued if job.key == first.key]:
                if pictures + job.pictures > self._batch:
                    break
                self._queued.remove(job)
                if not _has_ended(job):
                    jobs.append(job)
                    pictures += job.pictures
        return jobs

    def _finish(self, jobs, run):
        self._free += 1
        for job, answer in zip(jobs, run.result(), strict=True):
            job.hold.release()
            if job.answer.done():
                continue
            if isinstance(answer, ServingError):
                job.answer.set_exception(answer)
            else:
                job.answer.set_result(answer)
        self._start_runs()


def _has_ended(job):
    """Whether the request was cancelled or its deadline passed; its hold is released then."""
    if not job.answer.done():
        if job.remaining is None or job.remaining > 0:
            return False
        job.answer.set_exception(deadline_exceeded())
    job.hold.release()
    return True


def _run(jobs):
    """Runs jobs together; one by one if that fails, so that a bad request fails alone."""

    def alone(job):
        if job.remaining is not None and job.remaining <= 0:
            return deadline_exceeded()
        try:
            return job.hold.loaded.run(job.signature, job.inputs, job.outputs, job.remaining)
        except ServingError as error:
            return error
        except Exception as error:  # the client must receive an answer
            _log.exception("%s failed", job.signature)
            return ServingError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")

    answers = _run_together(jobs) if len(jobs) > 1 else None
    return answers or [alone(job) for job in jobs]


def _run_together(jobs):
    inputs = {name: np.concatenate([job.inputs[name] for job in jobs]) for name in jobs[0].inputs}
    remaining = [job.remaining for job in jobs]
    # The latest deadline of all.
    timeout = None if None in remaining else max(0.001, *remaining)
    try:
        joined = jobs[0].hold.loaded.run(jobs[0].signature, inputs, jobs[0].outputs, timeout)
    except ServingError:
        return None
    ends = np.cumsum([job.pictures for job in jobs])
    if any(len(array) != ends[-1] for array in joined.values()):
        return None
    parts = {name: np.split(array, ends[:-1]) for name, array in joined.items()}
    return [{name: part[n] for name, part in parts.items()} for n in range(len(jobs))]
