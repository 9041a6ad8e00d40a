"""Two processes under JAX train the network that one process of two devices does."""

import json

import pytest

from benchmarks.distributed import command, largest_difference, seconds_a_step, start, start_pair


def test_time_of_a_step_is_that_after_the_first_validation(tmp_path):
    (tmp_path / "denoise").mkdir()
    rows = [{"step": 15, "seconds_a_step": 3.5}, {"step": 30, "seconds_a_step": 0.4}]
    (tmp_path / "denoise" / "history.json").write_text(json.dumps(rows))
    assert seconds_a_step(tmp_path) == 0.4


def test_the_network_has_the_given_size(tmp_path):
    words = command(tmp_path, 30, 15, blocks=16)
    given = [words[words.index(name) + 1] for name in ("--blocks", "--filters", "--validate-every")]
    assert given == ["16", "8", "15"]


def test_two_processes_train_as_one_and_one_of_them_writes(tmp_path):
    pytest.importorskip("jax", reason="JAX is installed in the lane of the newest TensorFlow alone")
    alone = start(command(tmp_path / "alone", 4, 2), tmp_path / "alone.log", devices=2)
    pair = start_pair(command(tmp_path / "pair", 4, 2), tmp_path)
    said = {}
    for name, process in (("alone", alone), ("0", pair[0]), ("1", pair[1])):
        status = process.wait(500)
        said[name] = (tmp_path / f"{name}.log").read_text()
        assert status == 0, said[name][-2000:]
    assert largest_difference(tmp_path / "alone", tmp_path / "pair") < 1e-6
    histories, files = [], []
    for name in ("alone", "pair"):
        run = tmp_path / name / "denoise"
        histories.append(json.loads((run / "history.json").read_text()))
        files.append({path.name for path in run.iterdir()})
    assert files[0] == files[1] >= {"best.keras", "checkpoint.keras", "model.keras"}
    for one, other in zip(*histories, strict=True):
        for row in (one, other):
            del row["seconds"], row["seconds_a_step"]
        assert one == pytest.approx(other, abs=1e-4)
    assert "step 4: loss" in said["0"] and "step" not in said["1"].partition("train.py")[0]
    # The events of one process.
    assert len(list((tmp_path / "pair").rglob("events*"))) == 2
