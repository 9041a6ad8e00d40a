import numpy as np
import pytest

from keras_hyper.training import OBJECTIVES, TrainingConfig
from pipelines import ESTIMATOR_TASKS, TASKS, parse_levels
from tests.conftest import random_estimator, random_network

NETWORKS = {"restore": random_network, "estimate": random_estimator}


@pytest.fixture(params=OBJECTIVES)
def name(request):
    return request.param


def test_the_trainer_has_the_loss_and_metrics_of_the_levels(name, rng):
    objective = OBJECTIVES[name]
    trainer = objective.trainer(NETWORKS[name]())
    metrics = objective.metrics(["5", "25"])
    assert [m.name for m in metrics if m.name.startswith(f"{objective.metric}_")] == [
        f"{objective.metric}_5", f"{objective.metric}_25"
    ]  # fmt: skip
    trainer.compile("sgd", objective.loss(), metrics=metrics)
    image = rng.random((2, 2, 16, 16, 3), dtype="float32")
    level = np.tile(np.float32([5, 25]), (2, 1))
    target = image[:, 0] if objective.restores else level
    logs = trainer.train_on_batch({"image": image, "level": level}, target, return_dict=True)
    assert {m.name for m in metrics} < set(logs) and np.isfinite(list(logs.values())).all()


def test_the_network_is_called_with_image_and_level(name, rng):
    network, image = NETWORKS[name](), rng.random((1, 16, 16, 3), dtype="float32")
    output = OBJECTIVES[name].call(network, image, 25.0)
    inputs = {"image": image, "level": 25.0} if OBJECTIVES[name].restores else image
    np.testing.assert_allclose(output, network(inputs), atol=1e-6)
    assert (output.shape == image.shape) == OBJECTIVES[name].restores


def test_measured_rows_have_the_columns_that_are_printed(name, rng):
    image = rng.random((1, 2, 16, 16, 3), dtype="float32")

    class Pairs:
        def as_numpy_iterator(self):
            yield {"image": image, "level": np.float32([[5, 25]])}, image[:, 0]

    rows = OBJECTIVES[name].measure(NETWORKS[name](), Pairs())
    assert [row["level"] for row in rows] == [5, 25]
    assert list(rows[0]) == [key for key, _, _ in OBJECTIVES[name].columns]


def test_an_unknown_recipe_answers_with_the_known_ones():
    assert OBJECTIVES["restore"].recipe("authors").patch == 96
    with pytest.raises(ValueError, match="No recipe 'fast' .* Choose one of: default, authors"):
        OBJECTIVES["restore"].recipe("fast")
    with pytest.raises(ValueError, match="No recipe 'authors' .* Choose one of: default"):
        OBJECTIVES["estimate"].recipe("authors")


@pytest.mark.parametrize(("recipe", "scalar"), [("default", (25 - 40) / 35), ("authors", 25 / 255)])
def test_a_new_restorer_has_the_facts_of_task_recipe_and_settings(recipe, scalar):
    objective, task = OBJECTIVES["restore"], TASKS["denoise"]
    config = TrainingConfig("denoise", channels=1, blocks=2, filters=8, tail="light", seed=3,
                            precision="bfloat16")  # fmt: skip
    levels = parse_levels(["15", "50"], task)
    models = [objective.new_model(objective.recipe(recipe), task, levels, config) for _ in "ab"]
    model, again = models
    assert (model.channels, model.blocks, model.filters, model.tail_form) == (1, 2, 8, "light")
    assert (model.task, model.unit) == (task.name, task.unit)
    assert (model.levels, model.level_range) == ([15, 50], [15, 50])
    assert (25 - model.level_offset) / model.level_scale == pytest.approx(scalar)
    assert model.image_residual == (recipe == "default")
    assert model.dtype_policy.name == "mixed_bfloat16"
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ESTIMATOR_TASKS)
def test_a_new_estimator_has_the_facts_of_task_and_settings(name):
    objective, task = OBJECTIVES["estimate"], ESTIMATOR_TASKS[name]
    config = TrainingConfig(name, channels=3, precision="float32")
    words = [f"{axis.name}=20:60" for axis in task.axes] or ["20:60"]
    levels = parse_levels(words, task)
    recipe = objective.recipe("default")
    model, again = (objective.new_model(recipe, task, levels, config) for _ in "ab")
    facts = (3, task.of.name, task.axis, task.unit)
    assert (model.channels, model.task, model.axis, model.unit) == facts
    assert model.level_range == [20, 60] and model.dtype_policy.name == "float32"
    for key, value in task.network.items():
        assert getattr(model, key) == value
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    # Probes that are initialised by design have norm 1; random ones do not.
    norms = np.sqrt((model.get_weights()[0] ** 2).sum(axis=(0, 1, 2)))
    assert np.allclose(norms, 1, atol=1e-5) == model.apart
