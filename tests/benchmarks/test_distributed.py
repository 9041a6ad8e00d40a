"""Two processes under JAX, and two devices under TensorFlow, train the network that one does."""

import json
import os

import pytest

from benchmarks.distributed import (
    command,
    largest_difference,
    seconds_a_step,
    start,
    start_mirrored,
    start_pair,
)


def test_time_of_a_step_is_that_after_the_first_validation(tmp_path):
    (tmp_path / "denoise").mkdir()
    rows = [{"step": 15, "seconds_a_step": 3.5}, {"step": 30, "seconds_a_step": 0.4}]
    (tmp_path / "denoise" / "history.json").write_text(json.dumps(rows))
    assert seconds_a_step(tmp_path) == 0.4


def test_the_network_has_the_given_size(tmp_path):
    words = command(tmp_path, 30, 15, blocks=16)
    given = [words[words.index(name) + 1] for name in ("--blocks", "--filters", "--validate-every")]
    assert given == ["16", "8", "15"]


def same_histories(*outs):
    """Compares the figures of two runs, but for the time."""
    histories = [json.loads((out / "denoise" / "history.json").read_text()) for out in outs]
    for one, other in zip(*histories, strict=True):
        for row in (one, other):
            del row["seconds"], row["seconds_a_step"]
        assert one == pytest.approx(other, abs=1e-4)


def test_two_devices_under_tensorflow_train_as_one_and_resume(tmp_path):
    outs = tmp_path / "alone", tmp_path / "pair"

    def run(out, devices, *more):
        out.mkdir(exist_ok=True)
        # The gradient is clipped at every step: of the sum, not of the part of each device.
        words = [*command(out, 4, 2), "--clip", "0.01", *more]
        (process,) = start_mirrored(words, out, devices)
        status = process.wait(500)
        assert status == 0, (out / "0.log").read_text()[-2000:]

    for devices, out in enumerate(outs, 1):
        run(out, devices)
    assert largest_difference(*outs) < 1e-6
    same_histories(*outs)
    folders = [out / "denoise" for out in outs]
    names = [{path.name for path in folder.iterdir()} for folder in folders]
    assert names[0] == names[1] >= {"best.keras", "model.keras", "1"}
    # As if it had been stopped after step 2.
    os.replace(folders[1] / "checkpoint_previous.keras", folders[1] / "checkpoint.keras")
    (folders[1] / "model.keras").unlink()
    run(outs[1], 2, "--resume")
    assert largest_difference(*outs) < 1e-6
    same_histories(*outs)


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
    outs = tmp_path / "alone", tmp_path / "pair"
    files = [{path.name for path in (out / "denoise").iterdir()} for out in outs]
    assert files[0] == files[1] >= {"best.keras", "checkpoint.keras", "model.keras"}
    same_histories(*outs)
    assert "step 4: loss" in said["0"] and "step" not in said["1"].partition("train.py")[0]
    # The events of one process.
    assert len(list((tmp_path / "pair").rglob("events*"))) == 2
