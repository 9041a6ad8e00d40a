import json

import numpy as np
import pytest

from keras_hyper.training.callbacks import History, StopOnNaN
from keras_hyper.training.fit import stretches


@pytest.mark.parametrize(
    ("step", "every", "steps", "expected"),
    [
        (0, 10, 30, [(0, 10, 3)]),
        (0, 10, 33, [(0, 10, 3), (30, 3, 1)]),
        (5, 10, 33, [(5, 5, 1), (10, 10, 2), (30, 3, 1)]),
        (31, 10, 33, [(31, 2, 1)]),
        (0, 250, 20, [(0, 20, 1)]),
        (7, 250, 20, [(7, 13, 1)]),
        (30, 10, 30, []),
    ],
)
def test_stretches_cover_what_is_left(step, every, steps, expected):
    rows = stretches(step, every, steps)
    assert rows == expected
    assert sum(length * epochs for _, length, epochs in rows) == steps - step


def test_nan_names_step_level_and_checkpoint(tmp_path):
    checkpoint = tmp_path / "checkpoint.keras"
    checkpoint.touch()
    guard = StopOnNaN(40, checkpoint)
    guard.on_train_batch_end(0, {"loss": 0.1, "loss_25": 0.1})
    with pytest.raises(FloatingPointError, match=r"step 42, level 25; .*checkpoint\.keras"):
        guard.on_train_batch_end(1, {"loss": np.nan, "loss_5": 0.1, "loss_25": np.inf})


def test_history_replaces_rows_that_were_lost(tmp_path):
    path = tmp_path / "history.json"
    first = {"step": 1, "seconds": 100.0, "loss": 9}
    path.write_text(json.dumps([first, {"step": 2, "loss": 9}, {"step": 3}]))
    history = History(path, 1)
    history.on_train_batch_end(0)
    history.on_epoch_end(0, {"loss": 0.5})
    rows = json.loads(path.read_text())
    # Its seconds go on from those of the run before, and leave out the pause.
    assert 100 <= rows[1].pop("seconds") < 160
    assert rows == [first, {"step": 2, "loss": 0.5}]
