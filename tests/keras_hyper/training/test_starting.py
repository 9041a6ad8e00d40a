import numpy as np
import pytest
from keras import ops

from keras_hyper import HyperRes
from keras_hyper.training import begin_with
from tests.conftest import random_network

GRAY = np.random.default_rng(0).random((2, 9, 8, 1)).astype("float32")
COLOUR = np.random.default_rng(1).random((2, 9, 8, 3)).astype("float32")


def restored(model, image, level=20.0):
    return ops.convert_to_numpy(model({"image": image, "level": level}))


def begun(start, channels=3, **kwargs):
    facts = {"task": "denoise", "level_offset": 0, "level_scale": 75, **kwargs}
    model = HyperRes(channels, 1, 8, **facts)
    model.build()
    begin_with(model, start)
    return model


@pytest.mark.parametrize("image", [GRAY, COLOUR], ids=["gray", "colour"])
def test_a_run_begins_with_what_the_other_does(image):
    start = random_network(image.shape[-1])
    model = begun(start, image.shape[-1])
    np.testing.assert_allclose(restored(model, image), restored(start, image), atol=1e-6)


def test_another_scale_of_the_same_level_changes_nothing():
    start = random_network()
    model = begun(start, level_offset=40, level_scale=35)
    for level in (5.0, 60.0):
        expected = restored(start, COLOUR, level)
        np.testing.assert_allclose(restored(model, COLOUR, level), expected, atol=1e-5)


def test_gray_begins_with_the_mean_of_the_colours():
    start = random_network()
    expected = restored(start, np.repeat(GRAY, 3, axis=-1)).mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(restored(begun(start, 1), GRAY), expected, atol=1e-6)


def test_colour_begins_with_gray_in_each_colour():
    start = random_network(1)
    expected = np.repeat(restored(start, GRAY), 3, axis=-1)
    model = begun(start, 3)
    np.testing.assert_allclose(restored(model, np.repeat(GRAY, 3, axis=-1)), expected, atol=1e-6)


def test_another_task_begins_at_the_middle_of_the_range():
    start = random_network()  # trained on 5 to 75
    model = begun(start, task="dejpeg", level_offset=45, level_scale=35)
    for level in (10.0, 80.0):
        expected = restored(start, COLOUR, 40.0)
        np.testing.assert_allclose(restored(model, COLOUR, level), expected, atol=1e-5)


@pytest.mark.parametrize("facts", [{"blocks": 2}, {"filters": 4}, {"image_residual": False}])
def test_another_network_is_refused(facts):
    with pytest.raises(ValueError, match=f"of {next(iter(facts))} .* was wanted"):
        begun(random_network(**facts))
