import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from keras_hyper.training import RECIPES, Run, fit, new_trainer
from keras_hyper.training.fit import segments
from tests.conftest import random_network


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
def test_segments_cover_the_rest_of_the_run(step, every, steps, expected):
    rows = segments(step, every, steps)
    assert rows == expected
    assert sum(length * epochs for _, length, epochs in rows) == steps - step


def test_a_validation_that_is_not_finite_is_neither_saved_nor_recorded(tmp_path):
    def pairs(clean):
        image = np.zeros((2, 1, 8, 8, 3), np.float32)
        inputs = {"image": image, "level": np.full((2, 1), 25, np.float32)}
        return tf.data.Dataset.from_tensors((inputs, np.full((2, 8, 8, 3), clean, np.float32)))

    run = Run(tmp_path, 2, 1, ["25"], {})
    trainer = new_trainer(random_network(), RECIPES["default"], run)
    with pytest.raises(FloatingPointError, match="val_loss, .*not finite at step 1; no checkpoint"):
        fit(trainer, lambda step: pairs(0.5).repeat(), pairs(np.nan), run, Console(quiet=True))
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
