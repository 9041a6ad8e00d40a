import keras
import numpy as np
import pytest
from keras import ops

from keras_hyper import HyperRes
from keras_hyper.metrics import psnr
from keras_hyper.models import CustomRes
from keras_hyper.training import initialise_from
from keras_hyper.training.restoring import (
    LevelLoss,
    LevelPSNR,
    MeanLossOfLevels,
    level_metrics,
    psnr_before_and_after,
)
from pipelines import TASKS, parse_levels
from tests.conftest import random_network

GRAY = np.random.default_rng(0).random((2, 9, 8, 1)).astype("float32")
COLOUR = np.random.default_rng(1).random((2, 9, 8, 3)).astype("float32")


@pytest.mark.parametrize("channels", [1, 3])
def test_loss_is_the_mean_over_the_levels(channels):
    clean = np.zeros((2, 4, 4, channels), np.float32)
    restored = np.stack([clean + 0.1, clean - 0.3], axis=1)
    assert float(MeanLossOfLevels()(clean, restored)) == pytest.approx(0.2)
    assert float(MeanLossOfLevels("charbonnier")(clean, restored)) == pytest.approx(0.2, abs=1e-4)
    again = MeanLossOfLevels.from_config(MeanLossOfLevels("psnr").get_config())
    of_images = [psnr(clean, restored[:, index]) for index in range(restored.shape[1])]
    assert float(again(clean, restored)) == pytest.approx(-np.mean(of_images), abs=1e-3)


def test_metrics_are_of_one_level_each():
    clean = np.zeros((2, 4, 4, 3), np.float32)
    restored = np.stack([clean + 0.1, clean + 0.01], axis=1)
    found = {}
    for metric in level_metrics(["5", "25"]):
        metric.update_state(clean, restored)
        found[metric.name] = float(metric.result())
    expected = {"loss_5": 0.1, "loss_25": 0.01, "psnr_5": 20.0, "psnr_25": 40.0}
    assert found == pytest.approx(expected, rel=1e-4)


def test_psnr_is_that_of_the_clipped_result():
    clean = np.ones((1, 4, 4, 3), np.float32)
    metric = LevelPSNR(0)
    metric.update_state(clean, clean[:, None] + 0.5)
    assert float(metric.result()) == pytest.approx(100.0)
    metric.reset_state()
    metric.update_state(0 * clean, (0 * clean - 0.5)[:, None])
    assert float(metric.result()) == pytest.approx(100.0)


def test_metrics_load_from_configs_of_older_checkpoints():
    config = {key: value for key, value in LevelLoss(2).get_config().items() if key != "index"}
    assert LevelLoss.from_config({**config, "draw": 1}).index == 1
    assert LevelLoss.from_config(LevelLoss(2).get_config()).index == 2


def test_figures_are_means_over_the_images_of_each_level():
    class Half:
        """Halves the error of the degraded image, the clean one being 0."""

        def __call__(self, inputs):
            return inputs["image"] / 2

    class Pairs:
        def as_numpy_iterator(self):
            for error in (0.2, 0.02):
                image = np.stack([np.full((1, 4, 4, 3), error * k, np.float32) for k in (1, 2)], 1)
                yield {"image": image, "level": np.float32([[5, 25]])}, np.zeros((1, 4, 4, 3), "f4")

    weak, strong = psnr_before_and_after(Half(), Pairs())
    half = 20 * np.log10(2)
    # The mean of -20 log10(0.2) and -20 log10(0.02).
    before = -20 * np.log10(0.2) + 10
    assert weak == pytest.approx(
        {"level": 5, "psnr_before": before, "psnr_after": before + half, "gain": half}, rel=1e-4
    )
    assert strong["psnr_before"] == pytest.approx(before - half, rel=1e-4)


def restored(model, image, level=20.0):
    return ops.convert_to_numpy(model({"image": image, "level": level}))


def initialised(initial, channels=3, **kwargs):
    facts = {"task": "denoise", "level_offset": 0, "level_scale": 75, **kwargs}
    model = HyperRes(channels=channels, blocks=1, filters=8, **facts)
    model.build()
    initialise_from(model, initial)
    return model


@pytest.mark.parametrize("image", [GRAY, COLOUR], ids=["gray", "colour"])
def test_an_initialised_network_equals_the_initial_one(image):
    initial = random_network(image.shape[-1])
    model = initialised(initial, image.shape[-1])
    np.testing.assert_allclose(restored(model, image), restored(initial, image), atol=1e-6)


@pytest.mark.parametrize(("task", "axis"), [("denoise", 0), ("dejpeg", 1), ("sr", None)])
def test_a_network_of_two_levels_follows_the_level_of_the_initial_one(task, axis):
    facts = {"task": task, "level_range": (10, 50), "level_scale": 60, "level_offset": 5}
    initial = random_network(**facts)
    two = TASKS["denoise+dejpeg"]
    scales = {"level_offset": two.level_offset, "level_scale": two.level_scale}
    model = initialised(initial, task=two.name, axes=parse_levels(None, two).axes, **scales)
    for levels in ((0.0, 90.0), (40.0, 20.0)):
        expected = restored(initial, COLOUR, 30.0 if axis is None else levels[axis])
        found = restored(model, COLOUR, np.float32([levels]))
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("before", "channels"), [(1, 3), (3, 1)])
def test_a_light_tail_is_converted_too(before, channels):
    initial = random_network(before, tail="light")
    image = np.repeat(GRAY, 3, axis=-1)
    expected = restored(initial, image[..., :before]).mean(axis=-1, keepdims=True)
    model = initialised(initial, channels, tail="light")
    found = restored(model, image[..., :channels])
    np.testing.assert_allclose(found, np.repeat(expected, channels, axis=-1), atol=1e-6)


def test_plain_convolutions_become_those_of_every_level():
    initial = random_network(places=())
    model = initialised(initial, 3)
    image = np.repeat(GRAY, 3, axis=-1)
    assert model.places == ["conv1", "conv2"]
    np.testing.assert_allclose(restored(model, image), restored(initial, image), atol=1e-6)
    with pytest.raises(ValueError, match=r"kernels at \[\], got some at \['conv1', 'conv2'\]"):
        initialise_from(random_network(places=()), random_network())


def test_loss_and_metrics_are_registered_for_checkpoints():
    for name in ("MeanLossOfLevels", "LevelLoss", "LevelPSNR"):
        assert keras.saving.get_registered_object(f"keras_hyper>{name}") is not None


def test_a_metric_weighs_its_samples():
    metric = LevelLoss(0)
    clean = np.zeros((2, 4, 4, 1), np.float32)
    output = np.float32([0.1, 0.4]).reshape(2, 1, 1, 1, 1) + clean[:, None]
    metric.update_state(clean, output, np.float32([3, 1]))
    assert float(metric.result()) == pytest.approx(0.175)


def test_another_level_map_changes_nothing():
    initial = random_network()
    model = initialised(initial, level_offset=40, level_scale=35)
    for level in (5.0, 60.0):
        expected = restored(initial, COLOUR, level)
        np.testing.assert_allclose(restored(model, COLOUR, level), expected, atol=1e-5)


def test_gray_starts_as_the_mean_of_the_channels():
    initial = random_network()
    expected = restored(initial, np.repeat(GRAY, 3, axis=-1)).mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(restored(initialised(initial, 1), GRAY), expected, atol=1e-6)


def test_colour_starts_as_gray_in_each_channel():
    initial = random_network(1)
    expected = np.repeat(restored(initial, GRAY), 3, axis=-1)
    model = initialised(initial, 3)
    np.testing.assert_allclose(restored(model, np.repeat(GRAY, 3, axis=-1)), expected, atol=1e-6)


def test_another_task_starts_at_the_middle_of_the_range():
    initial = random_network()  # trained on 5 to 75
    model = initialised(initial, task="dejpeg", level_offset=45, level_scale=35)
    for level in (10.0, 80.0):
        expected = restored(initial, COLOUR, 40.0)
        np.testing.assert_allclose(restored(model, COLOUR, level), expected, atol=1e-5)


@pytest.mark.parametrize("facts", [{"blocks": 2}, {"filters": 4}, {"image_residual": False}])
def test_a_network_of_another_size_is_refused(facts):
    with pytest.raises(ValueError, match=f"expected an initial network with {next(iter(facts))}"):
        initialised(random_network(**facts))


def test_own_network_is_initialised_from_one_of_its_kind_and_levels():
    trunk = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(3, 1)])
    model, same = (CustomRes.from_network(trunk, level_scale=35, task="t") for _ in range(2))
    same.trunk.set_weights([weight + 1 for weight in same.trunk.get_weights()])
    initialise_from(model, same)
    for ours, theirs in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="expected an initial network for t"):
        initialise_from(model, CustomRes.from_network(trunk, level_scale=70, task="t"))
    with pytest.raises(ValueError, match="expected an initial network with blocks 0, got one"):
        initialise_from(model, random_network())


AXES = {"axes": ("noise", "jpeg"), "level_range": ((0, 50), (10, 100)),
        "level_offset": (25, 55), "level_scale": (25, 45)}  # fmt: skip


def test_a_network_of_two_axes_begins_as_one_of_one_level():
    initial = random_network()
    model = initialised(initial, task="both", **AXES)
    expected = restored(initial, COLOUR, 40.0)  # the middle of 5 to 75
    for level in ((0.0, 10.0), (50.0, 90.0)):
        np.testing.assert_allclose(restored(model, COLOUR, level), expected, atol=1e-5)


def test_another_level_map_of_two_axes_changes_nothing():
    initial = random_network(**AXES)
    model = initialised(initial, **{**AXES, "level_offset": (20, 50), "level_scale": (10, 40)})
    for level in ((0.0, 10.0), (50.0, 90.0)):
        expected = restored(initial, COLOUR, level)
        np.testing.assert_allclose(restored(model, COLOUR, level), expected, atol=1e-4)
    with pytest.raises(
        ValueError, match=r"expected an initial network with axes \[\], got \['noise"
    ):
        initialised(initial)
