import pytest

from benchmarks.paper import equal_time
from benchmarks.paper.equal_time import Row


@pytest.fixture
def calls(monkeypatch):
    """Replaces the trainings: 10 seconds to start, and half a second a step."""
    calls = []

    def train(arguments, used, out, steps, rate):
        calls.append((arguments, steps, rate))
        return 10 + 0.5 * steps

    monkeypatch.setattr(equal_time, "_train", train)
    return calls


def test_steps_fill_the_time_without_the_start(calls):
    costs = {}
    found = equal_time.costed(Row("a", ("--blocks", "4")), {}, 100, costs)
    assert (found["steps"], found["seconds_per_step"]) == ([200], [0.5])
    assert [steps for _, steps, _ in calls] == [20, 120] * equal_time.REPEATS
    # The network of another row is measured once.
    same = Row("b", ("--blocks", "4"), data="free")
    assert equal_time.costed(same, {}, 100, costs)["steps"] == [200]
    assert len(calls) == 2 * equal_time.REPEATS


def test_the_last_quarter_is_a_second_training(calls):
    row = Row("b", ("--blocks", "4"), ("--loss", "psnr"))
    assert equal_time.costed(row, {}, 100, {})["steps"] == [150, 50]
    assert {rate for _, _, rate in calls} == {1e-3, 1e-3 / 4}
    assert calls[-1][0] == ("--blocks", "4", "--loss", "psnr")


def test_rows_that_are_not_trained_have_no_figures():
    psnr = {"5": 38.0, "15": 32.0, "25": 29.0, "50": 26.0, "75": 24.0}
    known = {"a": {"steps": [1500, 500], "psnr": psnr}, "b": {"steps": [7]}}
    assert equal_time.table(known).splitlines()[2:] == [
        "| a | 1,500 + 500 | 38.00 | 32.00 | 29.00 | 26.00 | 24.00 |",
        "| b | 7 |  |  |  |  |  |",
    ]
