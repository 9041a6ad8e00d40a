"""The API behind both transports: every request becomes an answer or a `ServingError`."""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
import numpy as np
from prometheus_client import CollectorRegistry, Histogram, Metric, generate_latest

from keras_hyper.serving.server.config import Options
from keras_hyper.serving.server.errors import (
    ServingError,
    deadline_exceeded,
    not_found,
    overloaded,
)
from keras_hyper.serving.server.models import Models
from keras_hyper.serving.server.queue import Budget, Job, Queue, batch_key
from keras_hyper.serving.server.request import MOST_CHANNELS, Request, check_outputs, inputs_of
from keras_hyper.serving.server.version import DEFAULT_SIGNATURE, Hold, Version

# Queued messages and tensors take at most the memory of this many of the largest ones.
LARGEST_AT_A_TIME = 4
_PREFIX = ":tensorflow:serving:"
# Microseconds: 10 times powers of 1.8, up to some 20 minutes.
_BUCKETS = [10 * 1.8**power for power in range(33)]
# Clients send the names of models, any number of them.
_MOST_MODELS = 1000
_log = logging.getLogger(__name__)


class Metrics:
    """Prometheus metrics with TF-Serving's names, labels and buckets; for any thread.

    They are those of servables/tensorflow/util.cc at 2.17.1, so that its dashboards work.
    """

    def __init__(self):
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._latencies = {
            name: Histogram(
                f"{_PREFIX}{name}",
                f"Microseconds of a request's {what}.",
                ["model_name", "API", label],
                buckets=_BUCKETS,
                registry=self._registry,
            )
            for name, label, what in (
                ("request_latency", "entrypoint", "whole time"),
                ("runtime_latency", "runtime", "time in queue and graph"),
            )
        }

    def collect(self) -> Iterator[Metric]:
        """Yields the counts of requests, for the registry."""
        # The library appends `_total` to the names of its own counters, which TF-Serving's lack.
        metric = Metric(f"{_PREFIX}request_count", "Requests by model and status.", "unknown")
        with self._lock:
            for (model, status), number in sorted(self._counts.items()):
                metric.add_sample(metric.name, {"model_name": model, "status": status}, number)
        yield metric

    def count(self, model: str, status: str) -> None:
        """Counts a request.

        Args:
            model: The model's name in the request.
            status: ``OK`` or the name of the code.
        """
        with self._lock:
            if (model, status) not in self._counts and len(self._counts) >= _MOST_MODELS:
                model = ""
            self._counts[model, status] += 1

    def latency(self, model: str, entrypoint: str, seconds: float) -> None:
        """Adds the time of an answered Predict; `entrypoint` is ``GRPC`` or ``REST``."""
        self._latencies["request_latency"].labels(model, "Predict", entrypoint).observe(
            seconds * 1e6
        )

    def runtime(self, model: str, seconds: float) -> None:
        """Adds the time of a run of the graph, with its time in the queue."""
        self._latencies["runtime_latency"].labels(model, "Predict", "TF1").observe(seconds * 1e6)

    def text(self) -> str:
        """Returns everything in Prometheus's text format."""
        return generate_latest(self._registry).decode()


@dataclass(frozen=True)
class Answer:
    """The answer to a Predict.

    Args:
        model: The model's name.
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
        models: The models.
        options: Limits.
        metrics: Counts and times.
    """

    def __init__(self, models: Models, options: Options, metrics: Metrics):
        self.models = models
        self.metrics = metrics
        self._options = options
        # More threads than runs, so that no request is read later because of a running one.
        self._threads = ThreadPoolExecutor(options.running + 2, thread_name_prefix="serving")
        self._queue = Queue(self._threads, options.running, options.batch)
        self._requests = 0
        self._bytes = 0
        self._values = Budget(LARGEST_AT_A_TIME * MOST_CHANNELS * options.max_pixels)

    async def predict(
        self,
        read: Callable[[], Request],
        write: Callable[[Answer], Any],
        size: int,
        seconds: float | None,
        entrypoint: str,
    ) -> Any:
        """Answers a Predict.

        Args:
            read: Parses the request; called in a thread, like `write`.
            write: Makes the transport's answer.
            size: Bytes of the received message.
            seconds: Until the client's deadline; None for no deadline.
            entrypoint: ``GRPC`` or ``REST``, for the metrics.

        Returns:
            The result of `write`.

        Raises:
            ServingError: With the code and text for the client.
        """
        too_many = self._requests >= self._options.max_queue
        if too_many or self._bytes + size > LARGEST_AT_A_TIME * self._options.max_message:
            raise overloaded(f"{self._requests} requests of {self._bytes} bytes are in work")
        self._requests += 1
        self._bytes += size
        try:
            async with asyncio.timeout(seconds):
                return await self._predict(read, write, seconds, entrypoint)
        except TimeoutError as error:
            raise deadline_exceeded() from error
        finally:
            self._requests -= 1
            self._bytes -= size

    def metadata(self, model: str, version: int | None, label: str) -> tuple[int, dict]:
        """Returns the version's number and its SignatureDefs by name, the initialiser included.

        Raises:
            ServingError: NOT_FOUND or INVALID_ARGUMENT.
        """
        hold = self.models.acquire(model, version, label)
        hold.release()
        return hold.number, hold.loaded.definitions

    def statuses(self, model: str, version: int | None) -> list[Version]:
        """Returns all known versions of a model, or the given one; the highest number first.

        Raises:
            ServingError: NOT_FOUND, or INVALID_ARGUMENT for an empty name.
        """
        known = self.models.model(model)
        versions = known.statuses() if known else []
        if version is not None:
            versions = [one for one in versions if one.number == version]
            if not versions:
                raise not_found(f"Could not find version {version} of model {model}")
        if not versions:
            raise not_found(f"Could not find any versions of model {model}")
        return versions

    def close(self) -> None:
        """Starts no more work; closing the models ends what runs."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _predict(self, read, write, seconds, entrypoint):
        start = time.perf_counter()
        deadline = None if seconds is None else time.monotonic() + seconds
        model = ""
        try:
            request = await self._in_thread(read)
            model = request.model
            hold = self.models.acquire(model, request.version, request.label)
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
            # An error of the server: the client receives an answer, the log the reason.
            _log.exception("a request for %r failed", model)
            self.metrics.count(model, "INTERNAL")
            raise ServingError(grpc.StatusCode.INTERNAL, type(error).__name__) from error
        self.metrics.count(model, "OK")
        self.metrics.latency(model, entrypoint, time.perf_counter() - start)
        return result

    async def _prepared(self, request: Request, hold: Hold, deadline: float | None) -> Job:
        def prepare():
            name = request.signature or DEFAULT_SIGNATURE
            definition = hold.loaded.signature(name)
            reserve = partial(self._values.take, hold)
            inputs = inputs_of(request, definition, self._options.max_pixels, reserve)
            check_outputs(request.outputs, definition)
            key = batch_key(hold.loaded, name, inputs, request.outputs)
            return Job(hold, name, inputs, request.outputs, deadline, key)

        try:
            return await self._in_thread(prepare)
        except BaseException:
            hold.release()
            raise

    def _in_thread(self, function, *arguments):
        return asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
