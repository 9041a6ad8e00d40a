import json

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


def test_costs_that_the_same_processor_measured_are_kept(monkeypatch):
    monkeypatch.setattr(equal_time, "_processor", lambda: "A")
    (row,) = (row for row in equal_time.ROWS if row.name.endswith("psnr"))
    light = (equal_time.LIGHT, equal_time.LIGHT + row.last)
    stored = {row.name: {"processor": "A", "seconds_per_step": [0.1, 0.4]}}
    assert equal_time.known_costs(stored) == dict(zip(light, (0.1, 0.4), strict=True))
    stored[row.name]["processor"] = "B"
    assert equal_time.known_costs(stored) == {}


def test_rows_that_differ_in_the_last_quarter_share_the_others(calls, monkeypatch, tmp_path):
    def run(*command):
        psnr = [{"level": level, "psnr_after": 30.0} for level in equal_time.LEVELS]
        (tmp_path / "figures.json").write_text(json.dumps({"rows": psnr}))

    monkeypatch.setattr(equal_time, "_run", run)
    begun = {}
    for loss in ("l1", "psnr"):
        row = Row(loss, ("--blocks", "4"), ("--loss", loss))
        psnr = equal_time.trained(row, {"valid": tmp_path}, [150, 50], begun, tmp_path)
        assert psnr == {str(level): 30.0 for level in equal_time.LEVELS}
    (first, *_), *last = calls
    assert first == ["--blocks", "4"]
    # Both last quarters begin from the one training before.
    before = ["--init-from", tmp_path / "l1 0" / "denoise"]
    assert [call[0] for call in last] == [
        ["--blocks", "4", "--loss", loss, *before] for loss in ("l1", "psnr")
    ]
    # Other pictures or other steps need their own.
    equal_time.trained(Row("c", (), ("--loss", "l1"), "free"), {"valid": tmp_path}, [9, 3], begun,
                       tmp_path)  # fmt: skip
    assert len(calls) == 5


def test_rows_that_are_not_trained_have_no_figures():
    psnr = {"5": 38.0, "15": 32.0, "25": 29.0, "50": 26.0, "75": 24.0}
    known = {"a": {"steps": [1500, 500], "psnr": psnr}, "b": {"steps": [7]}}
    assert equal_time.table(known).splitlines()[2:] == [
        "| a | 1,500 + 500 | 38.00 | 32.00 | 29.00 | 26.00 | 24.00 |",
        "| b | 7 |  |  |  |  |  |",
    ]
