import numpy as np
import pytest
from keras import ops

from keras_hyper.models import LevelEstimator
from keras_hyper.models.level_estimator import ZeroSum
from tests.conftest import random_estimator


def test_number_of_parameters_is_bounded():
    model = LevelEstimator()
    model.build()
    assert model.count_params() == 244_515 <= 350_000


def test_responses_of_a_square_are_kept_separate(rng):
    model = random_estimator(apart=True, floor=1e-7)
    full = LevelEstimator(apart=True, probes=32)
    full.build()
    assert full.count_params() == 288_867 <= 350_000
    assert model.get_config()["apart"] and model.get_config()["floor"] == 1e-7
    image = rng.random((1, 27, 33, 3), dtype="float32")
    energy = np.square(ops.convert_to_numpy(model.probe(image)))[:, :10, :14]
    found = ops.convert_to_numpy(model._local_statistics(image))
    for corner in range(4):
        answers = energy[:, corner // 2 :: 2, corner % 2 :: 2]
        expected = 0.25 * np.log(answers + 1e-7) + 1
        here = found[..., 4 * corner : 4 * corner + 4]
        np.testing.assert_allclose(here, expected, rtol=1e-4, atol=1e-4)


def test_filters_ignore_uniform_brightness(rng):
    kernel = ops.convert_to_numpy(ZeroSum()(rng.normal(size=(6, 6, 3, 5)).astype("float32")))
    np.testing.assert_allclose(kernel.sum(axis=(0, 1)), 0, atol=1e-5)
    model = LevelEstimator()
    model.build()
    model.probe.kernel.assign(ZeroSum()(model.probe.kernel))
    flat = np.broadcast_to(np.float32([0.2, 0.9, 0.4]), (1, 16, 16, 3))
    np.testing.assert_allclose(model.probe(flat), 0, atol=1e-5)


def test_levels_have_the_lower_bound_of_the_scale(rng):
    model = random_estimator()
    levels = ops.convert_to_numpy(model(rng.random((4, 20, 20, 3), dtype="float32")))
    assert levels.shape == (4,) and (levels > -16).all() and np.ptp(levels) > 0


@pytest.mark.parametrize("sides", [(16, 16), (16, 300), (131, 127), (200, 260)])
def test_grid_estimate_is_the_median_of_its_crops(rng, sides):
    model = random_estimator()
    image = rng.random((2, *sides, 3), dtype="float32")
    height, width = (min(side, 128) for side in sides)
    rows, columns = (
        [0, (side - length) // 2, side - length]
        for side, length in zip(sides, (height, width), strict=True)
    )
    levels = [
        ops.convert_to_numpy(model(image[:, top : top + height, left : left + width]))
        for top in rows
        for left in columns
    ]
    expected = np.maximum(np.median(levels, axis=0), 0)
    np.testing.assert_allclose(model.over_grid(image), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("image", [np.zeros((1, 16, 16, 1)), np.zeros((16, 16, 3))], ids=["1", "2"])
def test_image_of_wrong_shape_is_refused(image):
    with pytest.raises(ValueError, match=r"must have shape \(batch, height, width, 3\)"):
        random_estimator()(image)


def test_invalid_arguments_are_refused():
    with pytest.raises(ValueError, match="got channels=2"):
        LevelEstimator(channels=2)


def test_unknown_name_is_refused_with_the_known_names():
    with pytest.raises(ValueError, match="No preset 'denoise'. Untrained sizes: none"):
        LevelEstimator.from_preset("denoise")


def test_other_precision_keeps_the_weights():
    model = random_estimator()
    mixed = model.with_precision("bfloat16")
    assert mixed.dtype_policy.name == "mixed_bfloat16" and model.with_precision("float32") is model
    for ours, theirs in zip(model.get_weights(), mixed.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
