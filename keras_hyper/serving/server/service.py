"""The API itself, whichever way a request comes: one place maps it to an answer or an error."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
import numpy as np

from keras_hyper.serving.server.budget import Budget, full
from keras_hyper.serving.server.errors import ServingError, not_found, too_late
from keras_hyper.serving.server.loaded import DEFAULT_SIGNATURE
from keras_hyper.serving.server.metrics import Metrics
from keras_hyper.serving.server.options import Options
from keras_hyper.serving.server.queue import Job, Queue, batch_key
from keras_hyper.serving.server.request import MOST_CHANNELS, Request, check_outputs, inputs_of
from keras_hyper.serving.server.version import Version
from keras_hyper.serving.server.watcher import Watcher

# Messages and tensors that wait take as much memory as this many of the largest ones.
LARGEST_AT_ONCE = 4
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """Of a Predict.

    Args:
        model: Its name.
        version: The version that answered.
        signature: The signature that ran.
        outputs: Arrays by output name.
    """

    model: str
    version: int
    signature: str
    outputs: dict[str, np.ndarray]


class Service:
    """Predict, GetModelMetadata and GetModelStatus.

    Args:
        watcher: The models.
        options: Limits.
        metrics: Counts and times.
    """

    def __init__(self, watcher: Watcher, options: Options, metrics: Metrics):
        self.watcher = watcher
        self.metrics = metrics
        self._options = options
        # Some threads more than runs: reading a request must not wait for a restoration.
        self._threads = ThreadPoolExecutor(options.running + 2, thread_name_prefix="serving")
        self._queue = Queue(self._threads, options.running, options.batch)
        self._inside = 0
        self._bytes = 0
        self._values = Budget(LARGEST_AT_ONCE * MOST_CHANNELS * options.max_pixels)

    async def predict(
        self,
        read: Callable[[], Request],
        write: Callable[[Answer], Any],
        size: int,
        seconds: float | None,
        entrypoint: str,
    ):
        """Answers a Predict.

        Args:
            read: Parses the request; called in a thread, like `write`.
            write: Makes the transport's answer.
            size: Bytes of the message that came.
            seconds: Until the caller's deadline; None for no deadline.
            entrypoint: ``GRPC`` or ``REST``, for the metrics.

        Returns:
            What `write` returns.

        Raises:
            ServingError: With the code and text for the caller.
        """
        if (
            self._inside >= self._options.waiting
            or self._bytes + size > LARGEST_AT_ONCE * self._options.max_message
        ):
            raise full(f"{self._inside} requests of {self._bytes} bytes wait or run")
        self._inside += 1
        self._bytes += size
        try:
            async with asyncio.timeout(seconds):
                return await self._predict(read, write, seconds, entrypoint)
        except TimeoutError as error:
            raise too_late() from error
        finally:
            self._inside -= 1
            self._bytes -= size

    def metadata(self, model: str, version: int | None, label: str) -> tuple[int, dict]:
        """Returns the number of the version and its SignatureDefs by name, the initialiser's too.

        Raises:
            ServingError: NOT_FOUND or INVALID_ARGUMENT.
        """
        hold = self.watcher.acquire(model, version, label)
        hold.release()
        return hold.number, hold.loaded.definitions

    def statuses(self, model: str, version: int | None) -> list[Version]:
        """Returns the versions of a model that were ever seen, or the one; highest number first.

        Raises:
            ServingError: NOT_FOUND, or INVALID_ARGUMENT for an empty name.
        """
        known = self.watcher.model(model)
        versions = known.statuses() if known else []
        if version is not None:
            versions = [one for one in versions if one.number == version]
            if not versions:
                raise not_found(f"Could not find version {version} of model {model}")
        if not versions:
            raise not_found(f"Could not find any versions of model {model}")
        return versions

    def close(self) -> None:
        """Begins nothing any more; what runs is stopped by closing the models."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _predict(self, read, write, seconds, entrypoint):
        begun = time.perf_counter()
        deadline = None if seconds is None else time.monotonic() + seconds
        model = ""
        try:
            request = await self._in_thread(read)
            model = request.model
            hold = self.watcher.acquire(model, request.version, request.label)
            job = await self._prepared(request, hold, deadline)
            queued = time.perf_counter()
            outputs = await self._queue.run(job)
            self.metrics.runtime(model, time.perf_counter() - queued)
            answer = Answer(model, hold.number, job.signature, outputs)
            result = await self._in_thread(write, answer)
        except ServingError as error:
            self.metrics.count(model, error.code.name)
            raise
        except asyncio.CancelledError:
            late = deadline is not None and time.monotonic() >= deadline
            self.metrics.count(model, "DEADLINE_EXCEEDED" if late else "CANCELLED")
            raise
        except Exception as error:
            # A fault of ours: the caller gets an answer, the log the reason.
            _log.exception("a request for %r failed", model)
            self.metrics.count(model, "INTERNAL")
            raise ServingError(grpc.StatusCode.INTERNAL, type(error).__name__) from error
        self.metrics.count(model, "OK")
        self.metrics.latency(model, entrypoint, time.perf_counter() - begun)
        return result

    async def _prepared(self, request, hold, deadline):
        try:
            return await self._in_thread(self._prepare, request, hold, deadline)
        except BaseException:
            hold.release()
            raise

    def _prepare(self, request, hold, deadline):
        name = request.signature or DEFAULT_SIGNATURE
        definition = hold.loaded.signature(name)
        reserve = partial(self._values.take, hold)
        inputs = inputs_of(request, definition, self._options.max_pixels, reserve)
        check_outputs(request.outputs, definition)
        key = batch_key(hold.loaded, name, inputs, request.outputs)
        return Job(hold, name, inputs, request.outputs, deadline, key)

    def _in_thread(self, function, *arguments):
        return asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
