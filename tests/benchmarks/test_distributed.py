"""Two processes under JAX train the network that one process of two devices does."""

import json

import pytest

from benchmarks.distributed import command, largest_difference, start, start_pair


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
            del row["seconds"]
        assert one == pytest.approx(other, abs=1e-4)
    assert "step 4: loss" in said["0"] and "step" not in said["1"].partition("train.py")[0]
    # The events of one process.
    assert len(list((tmp_path / "pair").rglob("events*"))) == 2
