import keras
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
@pytest.mark.parametrize("rank", [4, 1])
def test_grid_estimate_is_that_of_a_rank_of_its_crops(rng, sides, rank):
    model = random_estimator(rank=rank)
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
    expected = np.maximum(np.sort(levels, axis=0)[rank], 0)
    np.testing.assert_allclose(model.over_grid(image), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 16, 16, 1), (16, 16, 3), (1, 1, 16, 16, 3)], ids=str)
def test_image_of_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected `image` of shape \(batch, height, width, 3\)"):
        random_estimator()(np.zeros(shape))


def test_invalid_arguments_are_refused():
    with pytest.raises(ValueError, match="expected `channels` of 1 or 3, got 2"):
        LevelEstimator(channels=2)
    with pytest.raises(ValueError, match="expected `rank` of 0 to 8, got 9"):
        LevelEstimator(rank=9)


def test_unknown_name_is_refused_with_the_known_names():
    with pytest.raises(ValueError, match="No preset 'denoise'. Untrained sizes: none"):
        LevelEstimator.from_preset("denoise")


def test_other_precision_keeps_the_weights():
    model = random_estimator()
    mixed = model.with_precision("bfloat16")
    assert mixed.dtype_policy.name == "mixed_bfloat16" and model.with_precision("float32") is model
    for ours, theirs in zip(model.get_weights(), mixed.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_defaults():
    config = LevelEstimator().get_config()
    expected = {
        "channels": 3, "probes": 48, "filters": 64, "heads": 2, "apart": False, "floor": 1e-5,
        "task": "", "unit": "", "level_range": [0.0, 120.0],
    }  # fmt: skip
    assert {name: config[name] for name in expected} == expected and "autocast" not in config
    assert LevelEstimator(channels=1).channels == 1


def test_the_local_statistics_are_energy_colour_and_clipped_shares(rng):
    model = random_estimator()
    image = rng.uniform(0.1, 0.9, (1, 20, 16, 3)).astype("float32")
    image[:, 2:6, 2:4, 0] = np.float32(0.4 / 255)  # the left half of the first square is black
    image[:, 2:5, 6:10, 1] = np.float32(254.6 / 255)  # three quarters of the second are white
    image[:, 6:10, 2:6, 2] = np.float32(0.6 / 255)  # nearly black is not black
    image[:, 6:10, 6:10, 2] = np.float32(254.4 / 255)
    found = ops.convert_to_numpy(model._local_statistics(image))
    assert found.shape == (1, 4, 3, 4 + 9)

    def squares(x, side):
        rows, columns = (length // side for length in x.shape[:2])
        x = x[: rows * side, : columns * side]
        return x.reshape(rows, side, columns, side, -1).mean(axis=(1, 3))

    energy = squares(np.square(ops.convert_to_numpy(model.probe(image))[0]), 2)
    np.testing.assert_allclose(found[0, ..., :4], 0.25 * np.log(energy + 1e-5) + 1, rtol=1e-4)
    inner = image[0, 2:-2, 2:-2]
    np.testing.assert_allclose(found[0, ..., 4:7], squares(inner, 4), rtol=1e-5)
    black, white = np.zeros((2, 4, 3, 3))
    black[0, 0, 0], white[0, 1, 1] = 0.5, 0.75
    np.testing.assert_allclose(found[0, ..., 7:10], black, atol=1e-6)
    np.testing.assert_allclose(found[0, ..., 10:], white, atol=1e-6)


def test_features_are_padded_by_reflection_and_averaged_in_two_ways(rng):
    model = random_estimator()
    image = rng.random((2, 24, 20, 3), dtype="float32")
    x = ops.convert_to_numpy(model._local_statistics(image))
    for layer in model.look:
        x = ops.convert_to_numpy(
            layer(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric"))
        )
    x = x.reshape(2, -1, x.shape[-1])
    weights = np.exp(ops.convert_to_numpy(model.weigh(x[:, None]))[:, 0])
    weights /= weights.sum(axis=1, keepdims=True)
    averages = [x.mean(axis=1), *(np.einsum("bp,bpc->bc", weights[..., i], x) for i in (0, 1))]
    y = np.concatenate(averages, axis=-1)
    for layer in model.decide:
        y = ops.convert_to_numpy(layer(y))
    np.testing.assert_allclose(model(image), 16 * np.expm1(y[:, 0]), rtol=1e-3, atol=1e-4)


def test_classes_are_registered_for_files():
    for name in ("LevelEstimator", "MultiLevelEstimator", "ZeroSum"):
        assert keras.saving.get_registered_object(f"keras_hyper>{name}") is not None
    kernel = np.random.default_rng(0).normal(size=(6, 6, 1, 2)).astype("float32")
    loaded = ZeroSum.from_config(ZeroSum().get_config())
    np.testing.assert_array_equal(loaded(kernel), ZeroSum()(kernel))
