import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from keras_hyper.training import RECIPES
from keras_hyper.training.recipes import ESTIMATING


def rates(name, steps, at):
    schedule = RECIPES[name].schedule(steps)
    return [float(ops.convert_to_numpy(schedule(step))) for step in at]


def test_default_warms_up_and_falls_to_zero():
    start, top, middle, end = rates("default", 6000, (0, 200, 3100, 6000))
    assert start == 0 and end == pytest.approx(0, abs=1e-8)
    assert top == pytest.approx(1e-3) and middle == pytest.approx(0.5e-3, rel=1e-3)


def test_a_short_run_warms_up_over_a_tenth_and_a_very_short_one_does_not():
    np.testing.assert_allclose(rates("default", 100, (0, 5, 10)), [0, 0.5e-3, 1e-3], rtol=1e-5)
    np.testing.assert_allclose(rates("default", 9, (0, 9)), [1e-3, 0], atol=1e-9)
    np.testing.assert_allclose(rates("authors", 1, (0, 1, 2)), [1e-4, 1e-4, 1e-5])


@pytest.mark.parametrize(
    ("recipes", "name", "expected"),
    [
        (RECIPES, "default", (1e-3, 200, True, 0.04, 16, 48, True, None, 0.3)),
        (RECIPES, "authors", (1e-4, 0, False, 0.0, 16, 96, False, (0.0, 255.0), None)),
        (ESTIMATING, "default", (2e-3, 200, True, 0.04, 12, 96, False, None, None)),
    ],
)
def test_recipes_are_as_documented(recipes, name, expected):
    assert dataclasses.astuple(recipes[name]) == expected
    assert recipes[name].optimizer(100).global_clipnorm == expected[-1]


def test_another_rate_changes_nothing_else():
    recipe = RECIPES["default"]
    assert recipe.changed() == recipe
    assert recipe.changed(0.5) == dataclasses.replace(recipe, rate=0.5)
    assert recipe.changed(clip=0.0) == dataclasses.replace(recipe, clip=None)
    assert recipe.changed(clip=2.0) == dataclasses.replace(recipe, clip=2.0)


@pytest.mark.parametrize(("steps", "window"), [(10, 1), (100, 4), (5000, 200), (100_000, 1000)])
def test_the_window_of_the_average_is_a_share_of_the_run(steps, window):
    momentum = RECIPES["default"].optimizer(steps).ema_momentum
    assert 1 / (1 - momentum) == pytest.approx(window)


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


def test_whole_gradient_is_clipped():
    optimizer = RECIPES["default"].changed(clip=1.0).optimizer(10)
    variables = [keras.Variable(np.zeros(1, np.float32)) for _ in range(2)]
    optimizer.build(variables)
    optimizer.apply([ops.convert_to_tensor([30.0]), ops.convert_to_tensor([40.0])], variables)
    # A tenth of the first gradient, whose norm is 50.
    momentums = [one for one in optimizer.variables if one.path.endswith("momentum")]
    found = [float(ops.convert_to_numpy(one)[0]) for one in momentums]
    assert found == pytest.approx([0.06, 0.08])
