import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from keras_hyper.errors import WrongArgumentError
from keras_hyper.methods import METHODS, SCHEDULES, MethodRes
from keras_hyper.models import HyperRes
from keras_hyper.training import RECIPES, TrainingConfig
from keras_hyper.training.restoring import new_restorer
from keras_hyper.training.stages import (
    checked_initial,
    checked_method,
    first_table,
    parts_of,
    searched,
)
from pipelines import TASKS, parse_levels

LEVELS = {"denoise": (5, 25, 75), "dejpeg": (10, 40, 80)}


def parts(method, task="denoise", levels=None, **settings):
    config = TrainingConfig(task, method=method, batch=4, steps=100, **settings)
    row = TASKS[task]
    return parts_of(config, parse_levels(levels or LEVELS[task], row), row)


def test_two_ends_divide_the_gradients_of_a_run():
    joint, *rest = parts("hyperres")
    assert not rest and joint.levels.fixed == (5, 25, 75)
    first, second = parts("adafm")
    assert [part.levels.fixed for part in (first, second)] == [(5.0,), (75.0,)]
    assert (first.first, first.last, second.first, second.last) == (0, 50, 50, 100)
    gradients = [
        sum((part.last - part.first) * part.batch * part.levels.num_levels for part in stages)
        for stages in ([joint], [first, second])
    ]
    assert gradients[0] == gradients[1] == 1200


def test_first_end_is_the_weakest_degradation():
    assert [part.levels.fixed for part in parts("dni", "dejpeg")] == [(80.0,), (10.0,)]


@pytest.mark.parametrize("method", METHODS)
def test_stages_cover_the_run(method):
    found = parts(method, levels=(25,) if method == "plain" else None)
    assert found[0].first == 0 and found[-1].last == 100
    assert all(a.last == b.first for a, b in zip(found, found[1:], strict=False))
    assert [part.index for part in found] == list(range(len(found)))


def test_stages_of_png_prune_before_the_next_level_grows():
    found = parts("png")
    assert [part.levels.fixed for part in found] == [(5,), (5,), (25,), (25,), (75,)]
    assert [part.start is not None for part in found] == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("method", "levels", "message"),
    [
        ("plain", (5, 25), "expected one level with --method plain, got 5 25"),
        ("adafm", (5,), "expected two levels or more with --method adafm, got 5"),
    ],
)
def test_number_of_levels_that_a_method_cannot_use_is_refused(method, levels, message):
    with pytest.raises(WrongArgumentError, match=message):
        parts(method, levels=levels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "ends"}, "expected --method with --schedule ends"),
        (
            {"method": "blind", "schedule": "ends"},
            "expected no --schedule ends with --method blind",
        ),
        (
            {"method": "cresmd", "schedule": "ends"},
            "expected no --schedule ends with --method cresmd",
        ),
    ],
)
def test_arguments_that_exclude_each_other_are_refused(settings, message):
    with pytest.raises(WrongArgumentError, match=message):
        checked_method(TrainingConfig("denoise", **settings), True)
    with pytest.raises(WrongArgumentError, match="with --task estimate, an estimator"):
        checked_method(TrainingConfig("estimate", method="dni"), False)


def test_initial_network_is_of_the_same_method():
    biases = MethodRes(method="biases", blocks=1, filters=4)
    assert checked_initial(biases, "biases") is biases
    for method, initial, words in (
        ("dni", biases, "expected an initial network of --method dni, got one of biases"),
        ("dni", HyperRes(blocks=1, filters=4), "--method dni, got one of HyperRes"),
        (None, biases, "keras_hyper.methods.merge makes one"),
    ):
        with pytest.raises(WrongArgumentError, match=words):
            checked_initial(initial, method)


def test_method_and_loss_of_the_paper_equal_the_defaults():
    config = checked_method(TrainingConfig("denoise", method="hyperres", loss="l1"), True)
    assert config == TrainingConfig("denoise")
    ends = TrainingConfig("denoise", method="hyperres", schedule="ends")
    assert checked_method(ends, True) == ends and set(SCHEDULES) == {"joint", "ends"}


@pytest.mark.parametrize(
    ("method", "task", "expected"),
    [
        ("adafm", "denoise", [[5, 0], [75, 1]]),
        ("adafm", "dejpeg", [[10, 1], [80, 0]]),
        ("rcd", "denoise", [[0, 0], [75, 1]]),
        ("rcd", "dejpeg", [[10, 1], [100, 0]]),
        ("png", "denoise", [[5, 0], [25, 0.5], [75, 1]]),
        ("biases", "denoise", []),
    ],
)
def test_table_that_a_method_begins_with(method, task, expected):
    row = TASKS[task]
    levels = parse_levels(LEVELS[task], row)
    config = TrainingConfig(task, method=method)
    assert first_table(config, levels, row) == expected
    config = dataclasses.replace(config, filters=4).completed(RECIPES["default"])
    network = new_restorer(RECIPES["default"], row, levels, config)
    assert type(network) is MethodRes and network.level_table == expected
    assert network.method_name == method


def test_search_finds_the_coefficient_of_each_level(monkeypatch):
    monkeypatch.setattr("keras_hyper.training.stages._SEARCHED_LEVELS", 3)
    row = TASKS["denoise"]
    network = MethodRes(method="dni", blocks=1, filters=4, level_table=[[5, 0], [75, 1]])
    network.build()
    network.set_weights([np.zeros(part.shape) for part in network.get_weights()])
    network.tail.bias_w.assign(np.ones(3))  # the output is the image plus the coefficient

    def validation(levels):
        image = np.full((2, len(levels), 8, 8, 3), 0.5, np.float32)
        image -= np.float32(levels)[:, None, None, None] / 100
        pairs = {"image": image, "level": np.float32([levels, levels])}, np.full((2, 8, 8, 3), 0.5)
        return tf.data.Dataset.from_tensors(pairs)

    found = searched(network, parse_levels((5, 30, 75), row), row, validation)
    assert found["levels"][0] == 5 and found["levels"][-1] == 75 and len(found["levels"]) == 3
    assert network.level_table == found["table"]
    for level, coefficient in found["table"]:
        assert abs(coefficient - level / 100) <= 0.05 + 1e-6
