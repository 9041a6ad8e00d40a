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

from keras_hyper.serving.server.errors import (
    ServingError,
    deadline_exceeded,
    invalid,
    overloaded,
)
from keras_hyper.serving.server.version import Hold, Lease, LoadedVersion

_log = logging.getLogger(__name__)
Arrays = dict[str, np.ndarray]


class Budget:
    """A limit of memory; may be used from any thread.

    Args:
        most: Most bytes at a time.
    """

    def __init__(self, most: int):
        self.most = most
        self.taken = 0
        self._lock = threading.Lock()

    def take(self, lease: Lease, size: int) -> None:
        """Takes bytes until `lease` is released.

        Raises:
            ServingError: UNAVAILABLE if too few remain; INVALID_ARGUMENT if the request alone takes
                more than there will ever be.
        """
        self.check(size)
        if not self.try_take(lease, size):
            raise overloaded(f"requests that take {self.taken} bytes are queued")

    def try_take(self, lease: Lease, size: int) -> bool:
        """Takes bytes until `lease` is released, if as many remain; returns whether they do."""
        with self._lock:
            if self.taken + size > self.most:
                return False
            self.taken += size

        def give():
            with self._lock:
                self.taken -= size

        lease.on_release(give)
        return True

    def check(self, size: int) -> None:
        """Checks that a request fits at all.

        Raises:
            ServingError: INVALID_ARGUMENT.
        """
        if size > self.most:
            raise invalid(
                f"the request takes {size} bytes of memory, this server's limit is {self.most}: "
                "send smaller pictures, or fewer"
            )


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
        cost: Bytes that its run takes.
    """

    hold: Hold
    signature: str
    inputs: Arrays
    outputs: tuple[str, ...]
    deadline: float | None
    key: tuple | None = None
    cost: int = 0
    answer: asyncio.Future = field(init=False)

    @property
    def pictures(self) -> int:
        """The number of its pictures."""
        return max((len(array) for array in self.inputs.values() if array.ndim), default=1)

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
    """Runs jobs in the order of their arrival, a bounded number at a time and in bounded memory.

    Every job gets an answer, whatever fails. Its methods run in the thread of the event loop; the
    graphs run in the executor's.

    Args:
        executor: Threads for the runs.
        running: Most runs at a time.
        batch: Maximum batch size of joined requests; 1 turns batching off.
        memory: Limit of what the running jobs take; each alone must fit (`Budget.check`).
    """

    def __init__(
        self, executor: Executor, running: int = 2, batch: int = 1, memory: Budget | None = None
    ):
        self._executor = executor
        self._free = running
        self._batch = batch
        self._memory = memory or Budget(1 << 62)
        self._queued: deque[Job] = deque()

    @property
    def depth(self) -> int:
        """The number of queued jobs, without the running ones."""
        return len(self._queued)

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
            jobs, lease = self._next_batch(), Lease()
            if not jobs:
                continue
            if not self._memory.try_take(lease, sum(job.cost for job in jobs)):
                # The end of a run starts them again.
                self._queued.extendleft(reversed(jobs))
                return
            self._free -= 1
            finish = partial(self._finish, jobs, lease)
            try:
                run = asyncio.get_running_loop().run_in_executor(self._executor, _run, jobs)
                run.add_done_callback(finish)
            except RuntimeError as error:  # the threads have ended
                failed = asyncio.get_running_loop().create_future()
                failed.set_exception(error)
                finish(failed)

    def _next_batch(self):
        """Removes the oldest job and those to run with it; returns none if it has ended."""
        first = self._queued.popleft()
        if _has_ended(first):
            return []
        jobs, pictures, cost = [first], first.pictures, first.cost
        if self._batch > 1 and first.key:
            for job in [job for job in self._queued if job.key == first.key]:
                pictures, cost = pictures + job.pictures, cost + job.cost
                if pictures > self._batch or cost > self._memory.most:
                    break
                self._queued.remove(job)
                if not _has_ended(job):
                    jobs.append(job)
        return jobs

    def _finish(self, jobs, lease, run):
        self._free += 1
        lease.release()
        error = asyncio.CancelledError() if run.cancelled() else run.exception()
        answers = [_internal(error)] * len(jobs) if error else run.result()
        for job, answer in zip(jobs, answers, strict=True):
            job.hold.release()
            if job.answer.done():
                continue
            if isinstance(answer, ServingError):
                job.answer.set_exception(answer)
            else:
                job.answer.set_result(answer)
        self._start_runs()


def _internal(error):
    _log.error("a run failed: %s", error, exc_info=error)
    return ServingError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")


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
            return _internal(error)

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
