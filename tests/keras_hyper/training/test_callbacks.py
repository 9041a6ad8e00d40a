import dataclasses
import io
import json
import signal
import types

import keras
import numpy as np
import pytest
from rich.console import Console

from keras_hyper.models import MultiLevel
from keras_hyper.training import OBJECTIVES, TrainingInterrupted, callbacks
from keras_hyper.training.callbacks import (
    BestNetwork,
    Checkpoint,
    History,
    ProgressBar,
    StopOnNaN,
    load_checkpoint,
    save_whole,
)
from keras_hyper.training.folder import CHECKPOINT, PREVIOUS_CHECKPOINT
from keras_hyper.training.processes import Processes


def test_nan_names_step_level_and_checkpoint(tmp_path):
    (tmp_path / CHECKPOINT).touch()
    guard = StopOnNaN(40, tmp_path)
    guard.on_train_batch_end(0, {"loss": 0.1, "loss_25": 0.1})
    with pytest.raises(FloatingPointError, match=r"^loss_25 .*step 42; .*checkpoint\.keras"):
        guard.on_train_batch_end(1, {"loss": np.nan, "loss_5": 0.1, "loss_25": np.inf})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_validation_that_is_not_finite_stops(tmp_path, value):
    guard = StopOnNaN(40, tmp_path)
    guard.on_epoch_end(0, {"loss": 0.1, "val_loss": 0.1})
    with pytest.raises(
        FloatingPointError, match="^val_psnr_5 not finite at step 40; no checkpoint"
    ):
        guard.on_epoch_end(0, {"loss": 0.1, "val_psnr_5": value})


def test_history_replaces_rows_that_were_lost(tmp_path):
    path = tmp_path / "history.json"
    first = {"step": 1, "seconds": 100.0, "loss": 9}
    path.write_text(json.dumps([first, {"step": 2, "loss": 9}, {"step": 3}]))
    history = History(path, 1)
    history.on_epoch_begin(0)
    history.on_train_batch_end(0)
    history.on_test_begin()
    history.on_epoch_end(0, {"loss": 0.5})
    rows = json.loads(path.read_text())
    # Its seconds add to those of the run before, without the pause.
    assert 100 <= rows[1].pop("seconds") < 160 > rows[1].pop("seconds_a_step") >= 0
    assert rows == [first, {"step": 2, "loss": 0.5}]


def test_history_adds_the_seconds_of_each_epoch(tmp_path, monkeypatch):
    ticks = [100.0, 100.5, 102.5, 103.54, 104.0, 105.0, 110.0]
    clock = types.SimpleNamespace(monotonic=iter(ticks).__next__)
    monkeypatch.setattr(callbacks, "time", clock)
    history = History(tmp_path / "history.json", 4)
    for _ in range(2):
        history.on_epoch_begin(0)
        history.on_train_batch_end(0)
        history.on_train_batch_end(1)
        history.on_test_begin()
        history.on_epoch_end(0, {"loss": np.float32(0.5)})
    assert json.loads((tmp_path / "history.json").read_text()) == [
        {"step": 6, "seconds": 3.5, "seconds_a_step": 1.0, "loss": 0.5},
        {"step": 8, "seconds": 10.0, "seconds_a_step": 0.5, "loss": 0.5},
    ]


@pytest.mark.parametrize("content", ['[{"step": 1', '{"step": 1}', ""])
def test_a_damaged_history_is_named(tmp_path, content):
    path = tmp_path / "history.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"expected a list as JSON in .*history\.json, got"):
        History(path, 1)


def dense(value):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.set_weights([np.float32([[value]]), np.float32([0])])
    return model


@pytest.fixture
def saved(tmp_path):
    """A folder with the checkpoints of the weights 3 and, before it, 2."""
    callback = Checkpoint(tmp_path)
    for value in (1, 2, 3):
        callback.set_model(dense(value))
        callback.on_epoch_end(0, {})
    return tmp_path


def loaded(folder, lines):
    return load_checkpoint(folder, keras.Model, lines.append).get_weights()[0].item()


def test_the_last_two_checkpoints_are_kept(saved):
    assert sorted(path.name for path in saved.iterdir()) == [CHECKPOINT, PREVIOUS_CHECKPOINT]
    assert loaded(saved, lines := []) == 3 and not lines
    assert keras.models.load_model(saved / PREVIOUS_CHECKPOINT).get_weights()[0].item() == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_after_the_step_and_stops(tmp_path, number):
    before = signal.getsignal(number)
    callback = Checkpoint(tmp_path, 4)
    callback.set_model(dense(1))
    callback.on_train_begin()
    try:
        callback.on_train_batch_end(0)
        assert not list(tmp_path.iterdir())
        signal.getsignal(number)(number, None)  # as the signal does
        with pytest.raises(TrainingInterrupted, match=f"stopped by {number.name} after step 6; "):
            callback.on_train_batch_end(1)
    finally:
        callback.on_train_end()
    assert (tmp_path / CHECKPOINT).exists() and signal.getsignal(number) == before
    callback.restore_signals()  # a second time changes nothing


class TwoProcesses(Processes):
    """A process of two; the other got SIGTERM before the second step."""

    steps = 0

    def all_of(self, number):
        object.__setattr__(self, "steps", self.steps + 1)
        return np.array([number, signal.SIGTERM if self.steps == 2 else 0])


@pytest.mark.parametrize("index", [0, 1])
def test_a_signal_to_another_process_stops_this_one_after_the_same_step(tmp_path, index):
    callback = Checkpoint(tmp_path, 4, TwoProcesses(index, 2, 2))
    callback.set_model(dense(1))
    callback.on_train_batch_end(0)
    with pytest.raises(TrainingInterrupted, match="stopped by SIGTERM after step 6; "):
        callback.on_train_batch_end(1)
    assert (tmp_path / CHECKPOINT).exists() == (index == 0)


def test_the_weights_of_jax_are_read_back_before_they_are_saved(tmp_path):
    model = dense(1)
    model.jax_state_sync = lambda: model.set_weights([np.float32([[5]]), np.float32([0])])
    callback = Checkpoint(tmp_path)
    callback.set_model(model)
    callback.save()
    assert loaded(tmp_path, []) == 5


def test_best_network_is_kept_over_resumed_runs(tmp_path):
    objective = OBJECTIVES["restore"]

    def validate(callback, *figures):
        for value, figure in enumerate(figures):
            network = dense(value)
            network.with_precision = lambda _, network=network: network
            callback.set_model(types.SimpleNamespace(main=network))
            callback.on_test_end({"psnr_15": figure, "psnr_50": 20.0})
        return keras.models.load_model(tmp_path / "best.keras").get_weights()[0].item()

    names = ["15", "50"]
    assert validate(BestNetwork(tmp_path, names, objective), 30.0, 32.0, 31.0, float("nan")) == 1
    rows = [{"step": 1, "val_psnr_15": 32.0, "val_psnr_50": 20.0}]
    (tmp_path / "history.json").write_text(json.dumps(rows))
    assert validate(BestNetwork(tmp_path, names, objective), 31.0) == 1
    assert validate(BestNetwork(tmp_path, names, objective), 0.0, 0.0, 33.0) == 2
    lowest = dataclasses.replace(objective, better=min)
    assert validate(BestNetwork(tmp_path, names, lowest), 31.0, 33.0) == 0


def test_saving_without_a_place_to_keep_the_one_before_replaces_it(tmp_path):
    for value in (1, 2):
        save_whole(dense(value), tmp_path / "model.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    assert keras.models.load_model(tmp_path / "model.keras").get_weights()[0].item() == 2


def test_a_truncated_checkpoint_falls_back_to_the_one_before(saved):
    path = saved / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-200])
    assert loaded(saved, lines := []) == 2
    (line,) = lines
    assert f"{path} cannot be loaded as a checkpoint: not a whole file" in line
    assert PREVIOUS_CHECKPOINT in line and "not found" not in line


def test_a_checkpoint_lost_between_two_renames_falls_back(saved):
    (saved / CHECKPOINT).unlink()
    assert loaded(saved, lines := []) == 2 and "no such checkpoint" in lines[0]


def test_two_damaged_checkpoints_are_both_named(saved):
    for name in (CHECKPOINT, PREVIOUS_CHECKPOINT):
        (saved / name).write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match=f"{CHECKPOINT} cannot.*; .*{PREVIOUS_CHECKPOINT} cannot"):
        loaded(saved, [])


def test_a_model_of_another_class_is_no_checkpoint(saved):
    with pytest.raises(ValueError, match="expected a checkpoint of a MultiLevel, got a Sequential"):
        load_checkpoint(saved, MultiLevel, print)


def bar(terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200)
    return ProgressBar(5, 20, ["5", "25"], console, OBJECTIVES["restore"]), console.file


def test_a_file_gets_one_line_for_each_epoch():
    progress, file = bar(terminal=False)
    progress.on_train_begin()
    progress.on_train_batch_end(0, {"loss": 0.5, "psnr_5": 30.0, "psnr_25": 25.0})
    progress.on_epoch_end(0, {"loss": 0.03125, "val_psnr_5": 31.0, "val_psnr_25": 26.5})
    progress.on_train_end()
    expected = "step 6: loss 0.0312, validation PSNR in dB  5: 31.00  25: 26.50"
    assert file.getvalue().split("\n") == [expected, ""]


def test_a_terminal_has_a_bar_with_the_mean_over_the_levels():
    progress, file = bar(terminal=True)
    (task,) = progress.bar.tasks
    assert (task.completed, task.total) == (5, 20)
    progress.on_train_begin()
    for _ in range(2):
        progress.on_train_batch_end(0, {"loss": 0.03125, "psnr_5": 30.0, "psnr_25": 25.5})
    assert progress.bar.live.is_started
    progress.on_train_end()
    assert not progress.bar.live.is_started
    assert task.completed == 7 and task.fields["figures"] == "loss 0.0312  PSNR in dB 27.75"
    assert "training" in file.getvalue() and "7/20" in file.getvalue()
