import json

import keras
import numpy as np
import pytest

from keras_hyper.models import MultiLevel
from keras_hyper.training.callbacks import Checkpoint, History, StopOnNaN, load_checkpoint
from keras_hyper.training.config import CHECKPOINT, PREVIOUS_CHECKPOINT


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
    history.on_train_batch_end(0)
    history.on_epoch_end(0, {"loss": 0.5})
    rows = json.loads(path.read_text())
    # Its seconds add to those of the run before, without the pause.
    assert 100 <= rows[1].pop("seconds") < 160
    assert rows == [first, {"step": 2, "loss": 0.5}]


@pytest.mark.parametrize("content", ['[{"step": 1', '{"step": 1}', ""])
def test_a_damaged_history_is_named(tmp_path, content):
    path = tmp_path / "history.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"history\.json is damaged: expected"):
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
