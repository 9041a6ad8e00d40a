"""Requests that wait for the graph, and which of them run together.

Runs are few at a time, so requests wait here. Whoever's turn it is takes along those that wait
with it and are of the same version, signature and size: nothing waits for company.
"""

import asyncio
import logging
import time
from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

import grpc
import numpy as np

from keras_hyper.serving.server.errors import ServingError, too_late
from keras_hyper.serving.server.loaded import LoadedVersion
from keras_hyper.serving.server.version import Hold

_log = logging.getLogger(__name__)
Arrays = dict[str, np.ndarray]


@dataclass(eq=False)
class Job:
    """One request that passed its checks.

    Args:
        hold: The version that it runs on, released when it has run or never will.
        signature: The signature's name.
        inputs: Arrays by input name.
        outputs: Names of the wanted outputs; none means all.
        deadline: Time of `time.monotonic` at which nobody waits any more; None for never.
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
        """How many pictures it brings."""
        return len(next(iter(self.inputs.values())))

    @property
    def remaining(self) -> float | None:
        """Seconds until its deadline."""
        return None if self.deadline is None else self.deadline - time.monotonic()


def batch_key(version: LoadedVersion, signature: str, inputs: Arrays, outputs) -> tuple | None:
    """Returns what requests must have in common to run together; None if they must not.

    The signature must leave the first side of every input and output open, and the request's must
    be as long for all inputs: then the graph treats pictures one by one. Files differ in size
    inside, and their graph takes them one by one anyway.
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
    """Runs jobs, a bounded number at once, the longest waiting first.

    Its methods belong to the thread of the event loop; the graphs run in the executor's.

    Args:
        executor: Threads for the runs.
        running: The most runs at once.
        batch: The most pictures in a run that joins requests; 1 joins none.
    """

    def __init__(self, executor: Executor, running: int = 2, batch: int = 1):
        self._executor = executor
        self._free = running
        self._batch = batch
        self._waiting: deque[Job] = deque()

    async def run(self, job: Job) -> Arrays:
        """Runs a job in its turn.

        A caller who is cancelled while the job waits takes it out; what runs, runs to its end.

        Raises:
            ServingError: With the code that the graph fails with, or DEADLINE_EXCEEDED.
        """
        job.answer = asyncio.get_running_loop().create_future()
        self._waiting.append(job)
        self._start_what_may_run()
        return await job.answer

    def _start_what_may_run(self):
        while self._free and self._waiting:
            jobs = self._next()
            if jobs:
                self._free -= 1
                run = asyncio.get_running_loop().run_in_executor(self._executor, _run, jobs)
                run.add_done_callback(partial(self._finish, jobs))

    def _next(self):
        """Takes the longest waiting job and what may run with it; none if nobody waits for it."""
        first = self._waiting.popleft()
        if _is_over(first):
            return []
        jobs, pictures = [first], first.pictures
        if self._batch > 1 and first.key:
            for job in [job for job in self._waiting if job.key == first.key]:
                if pictures + job.pictures > self._batch:
                    break
                self._waiting.remove(job)
                if not _is_over(job):
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
        self._start_what_may_run()


def _is_over(job):
    """Whether nobody waits for a job any more; it is ended then."""
    if not job.answer.done():
        if job.remaining is None or job.remaining > 0:
            return False
        job.answer.set_exception(too_late())
    job.hold.release()
    return True


def _run(jobs):
    """Runs jobs together, and one by one if that fails: what is wrong with one harms no other."""
    if len(jobs) > 1:
        answers = _run_together(jobs)
        if answers:
            return answers
    return [_run_alone(job) for job in jobs]


def _run_alone(job):
    if job.remaining is not None and job.remaining <= 0:
        return too_late()
    try:
        return job.hold.loaded.run(job.signature, job.inputs, job.outputs, job.remaining)
    except ServingError as error:
        return error
    except Exception as error:  # whoever waits must get an answer, whatever it is
        _log.exception("%s failed", job.signature)
        return ServingError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")


def _run_together(jobs):
    inputs = {name: np.concatenate([job.inputs[name] for job in jobs]) for name in jobs[0].inputs}
    remaining = [job.remaining for job in jobs]
    # As long as the most patient waits.
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
