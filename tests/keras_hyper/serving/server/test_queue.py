"""Order and batches of requests, with a graph that records them."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from tensorflow.core.protobuf import meta_graph_pb2

from keras_hyper.serving.server.errors import ServingError, invalid
from keras_hyper.serving.server.queue import Budget, Job, Queue, batch_key
from keras_hyper.serving.server.version import Hold


class Graph:
    """Adds the level to the picture and refuses NaN; the first run waits for `gate`."""

    def __init__(self, open_=True):
        self.runs = []
        self.timeouts = []
        self.gate = threading.Event()
        if open_:
            self.gate.set()

    def run(self, signature, inputs, outputs, timeout):
        self.runs.append(len(inputs["level"]))
        self.timeouts.append(timeout)
        self.gate.wait(10)
        if np.isnan(inputs["level"]).any():
            raise invalid("NaN")
        return {"restored": inputs["image"] + inputs["level"][:, None, None, None]}


def definition(first=-1):
    made = meta_graph_pb2.SignatureDef()
    for table, name, rank in (
        (made.inputs, "image", 4), (made.inputs, "level", 1), (made.outputs, "restored", 4)
    ):  # fmt: skip
        for side in range(rank):
            table[name].tensor_shape.dim.add().size = -1 if side else first
    return made


def job(graph, level, side=4, key="same", seconds=None, leave=lambda: None, pictures=1, cost=0):
    inputs = {
        "image": np.zeros((pictures, side, side, 3), np.float32),
        "level": np.full(pictures, level, np.float32),
    }
    deadline = None if seconds is None else time.monotonic() + seconds
    return Job(Hold(1, graph, leave), "s", inputs, (), deadline, key and (key, side), cost)


def run(work, **options):
    async def whole():
        with ThreadPoolExecutor(2) as threads:
            return await work(Queue(threads, **{"running": 1, **options}))

    return asyncio.run(whole())


def answers(graph, jobs, **options):
    """Returns all results; the first job runs alone while the others are queued."""

    async def work(queue):
        tasks = [asyncio.ensure_future(queue.run(one)) for one in jobs]
        await asyncio.sleep(0.05)
        graph.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    return run(work, **options)


def levels(found):
    return [float(one["restored"].ravel()[0]) for one in found]


def test_queued_requests_run_together_in_order():
    graph = Graph(open_=False)
    found = answers(graph, [job(graph, n) for n in range(6)], batch=4)
    assert levels(found) == [0, 1, 2, 3, 4, 5] and graph.runs == [1, 4, 1]


def test_no_batching_if_off():
    graph = Graph(open_=False)
    found = answers(graph, [job(graph, n) for n in range(3)], batch=1)
    assert levels(found) == [0, 1, 2] and graph.runs == [1, 1, 1]


def test_other_sizes_keys_and_single_requests_are_not_batched():
    graph = Graph(open_=False)
    jobs = [job(graph, 0), job(graph, 1), job(graph, 2, side=5), job(graph, 3, key=None),
            job(graph, 4), job(graph, 5, key=None)]  # fmt: skip
    found = answers(graph, jobs, batch=8)
    assert levels(found) == [0, 1, 2, 3, 4, 5] and graph.runs == [1, 2, 1, 1, 1]


def test_batch_size_counts_pictures():
    graph = Graph(open_=False)
    found = answers(graph, [job(graph, n, pictures=3) for n in range(4)], batch=7)
    assert levels(found) == [0, 1, 2, 3] and graph.runs == [3, 6, 3]
    assert all(one["restored"].shape[0] == 3 for one in found)


def test_invalid_request_does_not_affect_its_batch():
    graph = Graph(open_=False)
    found = answers(graph, [job(graph, n) for n in (0, 1, float("nan"), 3)], batch=8)
    assert levels([found[0], found[1], found[3]]) == [0, 1, 3]
    assert isinstance(found[2], ServingError) and found[2].text == "NaN"


def test_cancelled_request_is_not_run_and_releases_its_version():
    graph, left = Graph(open_=False), []

    async def work(queue):
        first = asyncio.ensure_future(queue.run(job(graph, 0, leave=lambda: left.append(0))))
        second = asyncio.ensure_future(queue.run(job(graph, 1, leave=lambda: left.append(1))))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0)
        assert left == []
        graph.gate.set()
        await first
        await asyncio.sleep(0.05)

    run(work)
    assert graph.runs == [1] and left == [0, 1]


def test_version_is_held_until_the_run_of_a_cancelled_request_ends():
    graph, left = Graph(open_=False), []

    async def work(queue):
        first = asyncio.ensure_future(queue.run(job(graph, 0, leave=lambda: left.append(0))))
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.sleep(0.05)
        assert left == []
        graph.gate.set()
        await asyncio.sleep(0.2)

    run(work)
    assert left == [0]


def test_request_is_refused_if_its_deadline_passes_in_the_queue():
    graph = Graph(open_=False)
    found = answers(graph, [job(graph, 0), job(graph, 1, seconds=0.01), job(graph, 2)])
    assert found[1].code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert graph.runs == [1, 1]


def test_graph_gets_the_remaining_time_as_its_deadline():
    graph = Graph()
    answers(graph, [job(graph, 0, seconds=9)])
    assert 8 < graph.timeouts[0] < 9


def test_unexpected_error_of_a_graph_is_reported(caplog):
    class Broken(Graph):
        def run(self, *arguments):
            raise MemoryError("no more")

    (found,) = answers(Graph(), [job(Broken(), 0)])
    assert found.code is grpc.StatusCode.INTERNAL and "MemoryError" in found.text


def test_job_without_inputs_and_ended_threads_are_answered_and_release_the_version():
    left = []

    async def work(queue):
        empty = job(Graph(), 0, leave=lambda: left.append("empty"))
        empty.inputs = {}
        found = [await asyncio.gather(queue.run(empty), return_exceptions=True)]
        queue._executor.shutdown()
        late = queue.run(job(Graph(), 0, leave=lambda: left.append("late")))
        return found + [await asyncio.gather(late, return_exceptions=True)]

    for (error,) in run(work):
        assert error.code is grpc.StatusCode.INTERNAL
    assert left == ["empty", "late"]


def test_jobs_run_together_only_within_the_memory():
    graph, memory = Graph(open_=False), Budget(10)
    found = answers(graph, [job(graph, n, cost=4) for n in range(5)], batch=8, memory=memory)
    assert levels(found) == [0, 1, 2, 3, 4] and graph.runs == [1, 2, 2] and memory.taken == 0
    graph = Graph(open_=False)
    found = answers(graph, [job(graph, n, cost=6) for n in range(3)], running=2, memory=memory)
    assert levels(found) == [0, 1, 2] and memory.taken == 0


class Defined:
    def __init__(self, first=-1):
        self.made = definition(first)

    def signature(self, name):
        return self.made


@pytest.mark.parametrize(
    ("first", "image", "level", "joins"),
    [
        (-1, (1, 8, 8, 3), (1,), True),
        (-1, (1, 8, 8, 3), (2,), False),  # the graph says what is wrong with it
        (1, (1, 8, 8, 3), (1,), False),  # one picture, many levels
    ],
)
def test_which_requests_may_be_batched(first, image, level, joins):
    inputs = {"image": np.zeros(image), "level": np.zeros(level)}
    assert (batch_key(Defined(first), "s", inputs, ()) is not None) is joins


def test_keys_differ_by_size_version_and_outputs():
    version = Defined()
    small, large = ({"image": np.zeros((1, n, 8, 3)), "level": np.zeros(1)} for n in (8, 9))
    keys = {
        batch_key(version, "s", small, ()),
        batch_key(version, "s", large, ()),
        batch_key(version, "t", small, ()),
        batch_key(Defined(), "s", small, ()),
        batch_key(version, "s", small, ("restored",)),
    }
    assert len(keys) == 5


def test_budget_is_returned_when_the_hold_is_released():
    budget, left = Budget(10), []
    first, second = (Hold(1, None, lambda: left.append(1)) for _ in range(2))
    budget.take(first, 6)
    with pytest.raises(ServingError, match="try again later") as caught:
        budget.take(second, 5)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(ServingError, match="takes 11 bytes .* limit is 10") as caught:
        budget.take(second, 11)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    first.release()
    first.release()
    budget.take(second, 10)
    second.release()
    # The budget of a request that is cancelled while it is read is returned too.
    budget.take(second, 10)
    budget.take(Hold(1, None, lambda: None), 10)
    assert left == [1, 1]
