"""Functions that are timed in turn."""

import time
from functools import partial

from benchmarks.side_by_side import in_turn, median_ratio


def test_functions_take_turns_after_one_call_of_each():
    calls = []
    times = in_turn({name: partial(calls.append, name) for name in "ab"}, 2)
    assert calls == list("ababab")
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 2, "b": 2}


def test_time_is_that_of_the_processor():
    times = in_turn({"sleeps": partial(time.sleep, 0.2), "computes": lambda: sum(range(10**6))}, 1)
    assert 0 <= times["sleeps"][0] < min(0.1, times["computes"][0])


def test_ratio_is_of_each_round():
    # Of the medians it is 10 / 2.
    assert median_ratio([4.0, 10.0, 60.0], [1.0, 10.0, 2.0]) == 4.0
