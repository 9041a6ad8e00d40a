"""Memory of a run, from what the graph allocated in its warm-up."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

# Memory of the process to memory of the graph's tensors: the allocator keeps some between runs, and
# oneDNN its plans. Measured: 1.45 for a first run of 512x512.
OVERHEAD = 1.5
# Bytes a pixel of a network with 64 filters; for signatures that could not be measured.
UNKNOWN = 1024.0


@dataclass(frozen=True)
class Cost:
    """Memory of a signature in bytes.

    Args:
        unit: For each of the first `most` units: pixels of all pictures, or rows of other inputs.
        more: For each further unit, where the graph restores large pictures in tiles.
        most: See `unit`; None where all units cost the same.
        answer: For each unit of the answer's tensors.
    """

    unit: float
    more: float = 0.0
    most: int | None = None
    answer: float = 0.0

    def of(self, units: int) -> int:
        """Returns the bytes that a run with so many units takes, its answer included."""
        few = units if self.most is None else min(units, self.most)
        return math.ceil(self.unit * few + self.more * (units - few))


def largest(costs: Iterable[Cost]) -> Cost:
    """Returns the highest cost, or one for unknown graphs."""
    return max(costs, key=lambda cost: cost.unit, default=Cost(UNKNOWN))


def measured(trace: Any, units: int, given: int, answer: int, most: int | None) -> Cost:
    """Returns the cost from one run with FULL_TRACE.

    Args:
        trace: Its RunMetadata.
        units: Units of the request.
        given: Bytes of its inputs.
        answer: Bytes of its outputs.
        most: See `Cost`.
    """
    events = sorted(
        (record.alloc_micros, record.alloc_bytes)
        for device in trace.step_stats.dev_stats
        for node in device.node_stats
        for memory in node.memory
        for record in memory.allocation_records
    )
    peak = max(np.cumsum([size for _, size in events]).tolist(), default=0)
    # Whole pictures before and after: once as received and returned, once as the graph has them.
    more = 2 * (given + answer) / units
    return Cost(OVERHEAD * peak / units + more, more, most, answer / units)
