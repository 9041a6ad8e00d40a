import keras
import numpy as np
import pytest
from keras import ops

from keras_hyper.training import RECIPES


def rates(name, steps, at):
    schedule = RECIPES[name].schedule(steps)
    return [float(ops.convert_to_numpy(schedule(step))) for step in at]


def test_default_warms_up_and_falls_to_zero():
    start, top, middle, end = rates("default", 6000, (0, 200, 3100, 6000))
    assert start == 0 and end == pytest.approx(0, abs=1e-8)
    assert top == pytest.approx(1e-3) and middle == pytest.approx(0.5e-3, rel=1e-3)


def test_authors_rate_falls_to_a_tenth_half_way():
    np.testing.assert_allclose(rates("authors", 1000, (0, 500, 501, 1000)), [1e-4] * 2 + [1e-5] * 2)


@pytest.mark.parametrize("steps", [1, 7, 600, 100_000])
def test_average_forgets_the_start(steps):
    optimizer = RECIPES["default"].optimizer(steps)
    assert optimizer.use_ema and 0 <= optimizer.ema_momentum <= 0.999
    assert optimizer.ema_momentum**steps < 1e-6 or steps == 1
    assert not RECIPES["authors"].optimizer(steps).use_ema


def test_the_average_is_written_over_the_weights_only_on_request():
    optimizer = RECIPES["default"].optimizer(100)
    weight = keras.Variable(np.float32([1.0]))
    optimizer.build([weight])
    for _ in range(40):
        optimizer.apply([ops.convert_to_tensor(np.float32([0.5]))])
    last = weight.numpy().item()
    optimizer.finalize_variable_values([weight])
    assert weight.numpy().item() == last < 1
    optimizer.put_average([weight])
    assert last < weight.numpy().item() <= 1
