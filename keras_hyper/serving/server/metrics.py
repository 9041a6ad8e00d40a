"""Metrics for Prometheus: TF-Serving's, and those of this server alone."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Histogram, Metric, generate_latest

_PREFIX = ":tensorflow:serving:"
# Microseconds: 10 times powers of 1.8, up to some 20 minutes.
_BUCKETS = [10 * 1.8**power for power in range(33)]
# Clients send the names of models and signatures, any number of them.
_MOST_NAMES = 1000


class Metrics:
    """Prometheus metrics; for any thread.

    Those that begin with ``:tensorflow:serving:`` have the names, labels and buckets of
    servables/tensorflow/util.cc at 2.17.1, so that its dashboards work.
    """

    def __init__(self):
        self._requests: Counter[tuple[str, str, str, str]] = Counter()
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}
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

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Adds a number that is read at each collection, as ``keras_hyper_<name>``."""
        self._gauges[f"keras_hyper_{name}"] = (text, value)

    def collect(self) -> Iterator[Metric]:
        """Yields counts and gauges, for the registry."""
        # The library appends `_total` to the name of a counter; TF-Serving's names lack it.
        total = Metric(f"{_PREFIX}request_count", "Requests by model and status.", "unknown")
        ours = Metric("keras_hyper_requests", "Requests by model, signature and code.", "unknown")
        counts: Counter[tuple[str, str]] = Counter()
        with self._lock:
            requests = sorted(self._requests.items())
        for (model, signature, entrypoint, status), number in requests:
            counts[model, status] += number
            labels = {"model": model, "signature": signature, "entrypoint": entrypoint}
            ours.add_sample(ours.name, {**labels, "code": status}, number)
        for (model, status), number in counts.items():
            total.add_sample(total.name, {"model_name": model, "status": status}, number)
        yield from (total, ours)
        for name, (text, value) in self._gauges.items():
            gauge = Metric(name, text, "gauge")
            gauge.add_sample(name, {}, value())
            yield gauge

    def count(self, model: str, status: str, signature: str = "", entrypoint: str = "") -> None:
        """Counts a request.

        Args:
            model: The model's name in the request; empty if it was not read.
            status: ``OK`` or the name of the code.
            signature: The signature's name in the request; empty if it was not read.
            entrypoint: ``GRPC`` or ``REST``.
        """
        key = (model, signature, entrypoint, status)
        with self._lock:
            if key not in self._requests and len(self._requests) >= _MOST_NAMES:
                key = ("", "", entrypoint, status)
            self._requests[key] += 1

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
