"""Counts and times under the names of TF-Serving, as Prometheus reads them.

The names, labels and buckets are those of servables/tensorflow/util.cc at 2.17.1, so that
dashboards made for it work. Written by hand: the usual library would add suffixes to the names.
"""

import threading
from bisect import bisect_left
from collections import defaultdict

_PREFIX = ":tensorflow:serving:"
# Microseconds: 10 times powers of 1.8, up to some 20 minutes.
_BUCKETS = [10 * 1.8**power for power in range(33)]
# Names of models come from callers; there may be no end to them.
_MOST_MODELS = 1000


class Metrics:
    """Counts of requests and histograms of their latency; may be used from any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = defaultdict(int)
        self._latency: dict[tuple[str, str, str, str], Histogram] = defaultdict(Histogram)

    def count(self, model: str, status: str) -> None:
        """Counts a request.

        Args:
            model: The name that it asked for.
            status: ``OK`` or the name of the code.
        """
        with self._lock:
            if (model, status) not in self._counts and len(self._counts) >= _MOST_MODELS:
                model = ""
            self._counts[model, status] += 1

    def latency(self, model: str, entrypoint: str, seconds: float) -> None:
        """Notes how long an answered Predict took, whole; `entrypoint` is ``GRPC`` or ``REST``."""
        self._observe("request_latency", model, "entrypoint", entrypoint, seconds)

    def runtime(self, model: str, seconds: float) -> None:
        """Notes how long the graph took, with the wait for its turn."""
        self._observe("runtime_latency", model, "runtime", "TF1", seconds)

    def _observe(self, name, model, label, value, seconds):
        with self._lock:
            self._latency[name, model, label, value].add(seconds * 1e6)

    def text(self) -> str:
        """Returns everything in Prometheus's text format."""
        with self._lock:
            lines = [f"# TYPE {_PREFIX}request_count counter"]
            for (model, status), number in sorted(self._counts.items()):
                labels = f'model_name="{_escaped(model)}",status="{status}"'
                lines.append(f"{_PREFIX}request_count{{{labels}}} {number}")
            last = None
            for (name, model, label, value), histogram in sorted(self._latency.items()):
                if name != last:
                    lines.append(f"# TYPE {_PREFIX}{name} histogram")
                    last = name
                labels = f'model_name="{_escaped(model)}",API="Predict",{label}="{value}"'
                lines += histogram.lines(f"{_PREFIX}{name}", labels)
        return "\n".join(lines) + "\n"


class Histogram:
    """Numbers counted by bucket."""

    def __init__(self):
        self._counts = [0] * (len(_BUCKETS) + 1)
        self._sum = 0.0

    def add(self, number: float) -> None:
        """Counts a number in the bucket whose upper bound is the first not below it."""
        self._counts[bisect_left(_BUCKETS, number)] += 1
        self._sum += number

    def lines(self, name: str, labels: str) -> list[str]:
        """Returns the samples, the counts of the buckets cumulated."""
        lines, below = [], 0
        for bound, number in zip([*_BUCKETS, float("inf")], self._counts, strict=True):
            below += number
            text = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(f'{name}_bucket{{{labels},le="{text}"}} {below}')
        return [
            *lines,
            f"{name}_sum{{{labels}}} {self._sum!r}",
            f"{name}_count{{{labels}}} {below}",
        ]


def _escaped(text):
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
