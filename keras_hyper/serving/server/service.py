"""The API behind both transports: every request becomes an answer or a `ServingError`."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np

from keras_hyper.serving.server.access_log import AccessLog
from keras_hyper.serving.server.config import Options
from keras_hyper.serving.server.errors import (
    ServingError,
    deadline_exceeded,
    not_found,
    overloaded,
)
from keras_hyper.serving.server.metrics import Metrics
from keras_hyper.serving.server.models import Models
from keras_hyper.serving.server.queue import Budget, Job, Queue, batch_key
from keras_hyper.serving.server.request import Request, check_outputs, inputs_of, units_of
from keras_hyper.serving.server.version import DEFAULT_SIGNATURE, Hold, Lease, State, Version

if TYPE_CHECKING:
    from keras_hyper.serving.server.traces import Traces

# A client ends its call at its own deadline, a little before the server's clock does.
_NEARLY = 0.9
_log = logging.getLogger(__name__)


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


@dataclass(eq=False)
class Call:
    """One Predict on its way.

    Args:
        entrypoint: ``GRPC`` or ``REST``.
        seconds: Until the client's deadline at the start; None for no deadline.
        memory: What it takes of the budget, until it is answered.
        id: The client's or a new one, for the access log.
        model: The model's name, once known; so are the other fields.
    """

    entrypoint: str
    seconds: float | None
    memory: Lease
    id: str = ""
    model: str = ""
    version: int | None = None
    signature: str = ""
    units: int = 0
    code: str = "OK"
    start: float = 0.0

    def is_late(self) -> bool:
        """Whether a call that ended was ended by its deadline rather than by its client."""
        return self.seconds is not None and self.elapsed >= _NEARLY * self.seconds

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    def check_deadline(self) -> None:
        """Refuses further work after the deadline.

        Raises:
            ServingError: DEADLINE_EXCEEDED.
        """
        if self.seconds is not None and self.elapsed >= self.seconds:
            raise deadline_exceeded()


class Service:
    """Predict, GetModelMetadata and GetModelStatus.

    Args:
        models: The models.
        options: Limits.
        metrics: Counts and times.
        traces: Spans of calls; None for none.
    """

    def __init__(
        self,
        models: Models,
        options: Options,
        metrics: Metrics,
        traces: "Traces | None" = None,
    ):
        self.models = models
        self.metrics = metrics
        self.traces = traces
        self.stopping = False
        self._span = traces.span if traces else contextlib.nullcontext
        self._options = options
        # More threads than runs, so that no request is read later because of a running one.
        self._threads = ThreadPoolExecutor(options.running + 2, thread_name_prefix="serving")
        # Half for requests and answers, half for the graphs, so that every queued job can run.
        self._waiting = Budget(options.max_memory // 2)
        self._running = Budget(options.max_memory // 2)
        self._queue = Queue(self._threads, options.running, options.batch, self._running)
        self._access_log = AccessLog(options.access_log) if options.access_log else None
        self._records = [self._access_log.write] if self._access_log else []
        if traces:
            self._records.append(traces.describe)
        self._calls = 0
        gauge = metrics.gauge
        gauge("queue_depth", "Jobs that wait for a run.", lambda: self._queue.depth)
        gauge("in_flight", "Predict calls in work.", lambda: self._calls)
        gauge("memory_waiting_bytes", "Of requests and answers.", lambda: self._waiting.taken)
        gauge("memory_running_bytes", "Of running graphs.", lambda: self._running.taken)
        gauge("memory_limit_bytes", "Of both.", lambda: options.max_memory)
        gauge("load_failures", "Failed loads of versions.", lambda: models.load_failures)

    @contextlib.asynccontextmanager
    async def call(self, entrypoint: str, seconds: float | None, id: str = ""):
        """Counts a Predict however it ends, ends it at its deadline, and gives its memory back.

        Args:
            entrypoint: ``GRPC`` or ``REST``.
            seconds: Until the client's deadline; None for no deadline.
            id: The request's, for the access log.

        Yields:
            The `Call`.

        Raises:
            ServingError: With the code and text for the client.
        """
        call = Call(entrypoint, seconds, Lease(), id, start=time.monotonic())
        try:
            async with asyncio.timeout(seconds):
                yield call
        except TimeoutError as error:
            call.code = grpc.StatusCode.DEADLINE_EXCEEDED.name
            raise deadline_exceeded() from error
        except ServingError as error:
            call.code = error.code.name
            raise
        except asyncio.CancelledError:
            late = call.is_late()
            call.code = "DEADLINE_EXCEEDED" if late else "CANCELLED"
            raise
        except Exception as error:
            # An error of the server: the client receives an answer, the log the reason.
            _log.exception("a request for %r failed", call.model)
            call.code = "INTERNAL"
            raise ServingError(grpc.StatusCode.INTERNAL, type(error).__name__) from error
        finally:
            call.memory.release()
            self.metrics.count(call.model, call.code, call.signature, entrypoint)
            for record in self._records:
                record(call)
            if call.code == "OK":
                self.metrics.latency(call.model, entrypoint, call.elapsed)

    def reserve(self, call: Call, size: int) -> None:
        """Takes memory for a call until it is answered, such as for its message.

        Raises:
            ServingError: UNAVAILABLE if too little remains; INVALID_ARGUMENT if there is never as
                much.
        """
        self._waiting.take(call.memory, size)

    def hand_over(self, call: Call, answer: bytes, lease: Lease) -> bytes:
        """Returns an answer whose memory `lease` holds from now on, in place of the call's.

        Raises:
            ServingError: UNAVAILABLE if too little remains.
        """
        call.memory.release()
        self._waiting.take(lease, len(answer))
        return answer

    async def predict(
        self,
        call: Call,
        cost: Callable[[], int],
        read: Callable[[], Request],
        write: Callable[[Answer], Any],
    ) -> Any:
        """Answers a Predict whose message was received.

        Args:
            call: The call.
            cost: Returns the bytes that `read` takes, or refuses the message.
            read: Parses the request; called in a thread, like the other two.
            write: Makes the transport's answer.

        Returns:
            The result of `write`.

        Raises:
            ServingError: With the code and text for the client.
        """
        self._calls += 1
        try:
            if self._calls > self._options.max_queue:
                raise overloaded(f"{self._calls - 1} requests are in work")
            return await self._answered(call, cost, read, write)
        finally:
            self._calls -= 1

    async def _answered(self, call, cost, read, write):
        def parsed():
            self.reserve(call, cost())
            call.check_deadline()
            return read()

        with self._span("parse"):
            request = await self._in_thread(parsed)
        call.model, call.signature = request.model, request.signature or DEFAULT_SIGNATURE
        hold = self.models.acquire(request.model, request.version, request.label)
        call.version = hold.number
        with self._span("convert"):
            job = await self._prepared(call, request, hold)
        queued = time.perf_counter()
        with self._span("queue and run"):
            outputs = await self._queue.run(job)
        self.metrics.runtime(call.model, time.perf_counter() - queued)
        answer = Answer(call.model, hold.number, job.signature, outputs)
        with self._span("answer"):
            return await self._in_thread(write, answer)

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

    def state_of(self, version: Version) -> State:
        """Returns a version's state; UNLOADING for an available one while the server stops.

        Balancers ask for the state, so that they send their calls elsewhere.
        """
        available = version.state is State.AVAILABLE
        return State.UNLOADING if self.stopping and available else version.state

    def close(self) -> None:
        """Starts no more work; closing the models ends what runs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._access_log:
            self._access_log.close()
        if self.traces:
            self.traces.close()

    async def _prepared(self, call: Call, request: Request, hold: Hold) -> Job:
        def reserve(size):
            # The arrays stay until the run ends, even if the call ends before.
            self._waiting.take(hold, size)
            call.check_deadline()

        def prepare():
            name, loaded = call.signature, hold.loaded
            definition = loaded.signature(name)
            inputs = inputs_of(request, definition, self._options.max_pixels, reserve)
            check_outputs(request.outputs, definition)
            call.units, cost = units_of(inputs), loaded.cost(name)
            self._running.check(cost.of(call.units))
            answer = request.answer_copies * cost.answer * call.units
            self.reserve(call, round(answer))
            key = batch_key(loaded, name, inputs, request.outputs)
            deadline = None if call.seconds is None else call.start + call.seconds
            return Job(hold, name, inputs, request.outputs, deadline, key, cost.of(call.units))

        try:
            return await self._in_thread(prepare)
        except BaseException:
            hold.release()
            raise

    def _in_thread(self, function, *arguments):
        return asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
