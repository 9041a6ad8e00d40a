import gc
import logging
import weakref

import numpy as np
import pytest

import keras_hyper
from keras_hyper import LevelEstimator, estimate
from keras_hyper.restoration.picture import run_network
from pipelines.degradations.noise import add_gaussian_noise
from tests.conftest import random_estimator, random_network


@pytest.fixture(scope="module")
def colour():
    return random_network(blocks=2)


@pytest.fixture(scope="module")
def gray():
    return random_network(channels=1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 2), (9, 7, 3), (9, 7, 4), (1, 1, 3)])
def test_shape_and_type_are_kept(colour, gray, rng, dtype, shape):
    peak = np.iinfo(dtype).max if dtype.startswith("u") else 1
    picture = (rng.random(shape) * peak).astype(dtype)
    for model in (colour, gray):
        restored = keras_hyper.restore(picture, 25, model)
        assert restored.shape == picture.shape and restored.dtype == picture.dtype
        if shape[2:] in ((2,), (4,)):
            np.testing.assert_array_equal(restored[..., -1], picture[..., -1])


@pytest.mark.parametrize("sides", [(97, 64), (64, 131), (100, 101)])
@pytest.mark.parametrize("tile", [16, 32])
def test_tiles_equal_the_whole(colour, rng, sides, tile):
    picture = rng.random((*sides, 3), dtype="float32")
    whole = keras_hyper.restore(picture, 25, colour, tile=1000)
    tiled = keras_hyper.restore(picture, 25, colour, tile=tile)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_tiles_of_a_map_equal_the_whole(colour, rng):
    picture = rng.random((90, 70, 3), dtype="float32")
    levels = rng.random((90, 70), dtype="float32") * 60 + 10
    whole = keras_hyper.restore(picture, levels, colour, tile=1000)
    tiled = keras_hyper.restore(picture, levels, colour, tile=16)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_tiles_of_a_map_of_two_axes_equal_the_whole(rng):
    ranges = {"level_range": [[0, 50], [10, 100]], "level_scale": (25, 45)}
    model = random_network(axes=("noise", "jpeg"), **ranges)
    picture = rng.random((90, 70, 3), dtype="float32")
    levels = np.float32((0, 10)) + rng.random((90, 70, 2), dtype="float32") * 50
    whole = keras_hyper.restore(picture, levels, model, tile=1000)
    tiled = keras_hyper.restore(picture, levels, model, tile=16)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    assert np.abs(whole - keras_hyper.restore(picture, (25, 35), model)).max() > 0.01
    with pytest.warns(UserWarning, match="level 5 to 60 is outside the range trained on, 10 to"):
        levels[..., 1] = np.linspace(5, 60, 70)
        keras_hyper.restore(picture, levels, model)


def test_bytes_are_rounded_not_truncated(colour, rng):
    picture = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    exact = keras_hyper.restore(picture / np.float32(255), 25, colour)
    np.testing.assert_array_equal(keras_hyper.restore(picture, 25, colour), np.rint(exact * 255))


def test_a_gray_network_keeps_the_chroma(gray, rng):
    picture = 0.4 + 0.2 * rng.random((16, 16, 3))
    restored = keras_hyper.restore(picture, 25, gray)
    inside = (restored > 0).all(-1) & (restored < 1).all(-1)
    change = (restored - picture)[inside]
    assert inside.any() and np.abs(change).max() > 0
    np.testing.assert_allclose(change - change[:, :1], 0, atol=1e-6)


def test_progress_counts_every_tile(colour, rng):
    seen = []
    picture = rng.random((80, 80, 3))
    keras_hyper.restore(picture, 25, colour, tile=32, on_tile=lambda *at: seen.append(at))
    assert seen == [(number, len(seen)) for number in range(1, len(seen) + 1)] and len(seen) > 1


def test_a_level_outside_the_range_causes_a_warning(colour):
    with pytest.warns(UserWarning, match="level 110 is outside the range trained on, 5 to 75"):
        keras_hyper.restore(np.zeros((4, 4, 3)), 110, colour)


@pytest.mark.parametrize(
    ("picture", "level", "words"),
    [
        (np.zeros((4, 4, 5)), 25, r"got \(4, 4, 5\)"),
        (np.zeros(4), 25, r"got \(4,\)"),
        (np.zeros((0, 4, 3)), 25, "a picture with pixels, got"),
        (np.zeros((4, 4), np.int32), 25, "got int32"),
        (np.full((4, 4), 200.0), 25, "got 200 to 200"),
        (np.full((4, 4), np.nan), 25, "got nan"),
        (np.zeros((4, 4)), -1, "got -1"),
        (np.zeros((4, 4)), np.nan, "got nan"),
        (np.zeros((4, 4)), np.zeros((2, 2)), r"got shape \(2, 2\)"),
    ],
)
def test_invalid_input_is_refused(colour, picture, level, words):
    with pytest.raises(ValueError, match=words):
        keras_hyper.restore(picture, level, colour)


def test_odd_tile_is_refused(colour):
    with pytest.raises(ValueError, match="tile=33"):
        keras_hyper.restore(np.zeros((4, 4)), 25, colour, tile=33)


@pytest.mark.parametrize("sides", [(161, 330), (40, 333)])
def test_tiles_of_the_papers_depth_equal_the_whole(rng, sides):
    deep = random_network(blocks=16)
    # Away from the ends, where clipping would hide a difference.
    picture = 0.3 + 0.4 * rng.random((*sides, 3), dtype="float32")
    whole = keras_hyper.restore(picture, 25, deep, tile=1000)
    assert ((whole > 0) & (whole < 1)).mean() > 0.8 and np.abs(whole - picture).mean() > 0.05
    np.testing.assert_allclose(keras_hyper.restore(picture, 25, deep, tile=32), whole, atol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("sides", [(1, 97), (95, 1), (95, 64)])
def test_tiles_of_integers_equal_the_whole(colour, rng, dtype, sides):
    picture = rng.integers(0, np.iinfo(dtype).max, (*sides, 3), dtype=dtype)
    whole = keras_hyper.restore(picture, 25, colour, tile=1000).astype(int)
    tiled = keras_hyper.restore(picture, 25, colour, tile=16).astype(int)
    # 1e-5 of the range, and the rounding to whole numbers.
    assert np.abs(tiled - whole).max() <= 1


def test_gray_through_a_colour_network_is_the_luma_of_three_equal_channels(colour, rng):
    picture = rng.random((9, 7), dtype="float32")
    three = colour({"image": np.repeat(picture[None, ..., None], 3, axis=-1), "level": 25.0})
    expected = np.clip(three, 0, 1)[0] @ np.float32([0.299, 0.587, 0.114])
    np.testing.assert_allclose(keras_hyper.restore(picture, 25, colour), expected, atol=1e-5)


def test_new_weights_are_used_at_once():
    model, picture = random_network(), np.full((6, 6, 3), 0.5)
    before = keras_hyper.restore(picture, 25, model)
    model.set_weights([0.5 * w for w in model.get_weights()])
    assert np.abs(keras_hyper.restore(picture, 25, model) - before).max() > 1e-3


def test_models_are_released_and_many_cause_no_warning(caplog):
    caplog.set_level(logging.WARNING)
    released = []
    for _ in range(7):
        model = random_network()
        keras_hyper.restore(np.zeros((4, 4, 3)), 25, model)
        released.append(weakref.ref(model))
        del model
    gc.collect()
    # The newest may still be held by what traced it; a leak would hold them all.
    assert not any(reference() for reference in released[:-1])
    assert "retracing" not in caplog.text


@pytest.mark.parametrize(("backend", "traces"), [("tensorflow", 2), ("jax", 6)])
def test_tensorflow_traces_a_network_once_for_a_number_and_once_for_a_map(
    monkeypatch, rng, backend, traces
):
    model, calls = random_network(), []
    call = type(model).call
    monkeypatch.setattr(
        type(model), "call", lambda self, *args, **kw: calls.append(1) or call(self, *args, **kw)
    )
    monkeypatch.setattr("keras.backend.backend", lambda: backend)
    for sides in ((4, 6), (8, 5), (4, 6)):
        image = rng.random((*sides, 3), dtype="float32")
        by_number = run_network(model, image, np.float32(25))
        by_map = run_network(model, image, np.full(sides, 25, np.float32))
        assert by_number.shape == image.shape and by_number.dtype == np.float32
        np.testing.assert_allclose(by_map, by_number, atol=1e-5)
    assert len(calls) == traces


@pytest.fixture(scope="module")
def shipped():
    if "estimate" not in LevelEstimator.presets:
        pytest.skip("no estimator ships in this tree")
    return LevelEstimator.from_preset("estimate")


def test_the_estimate_does_not_depend_on_the_type_of_the_picture(rng):
    model = random_estimator()
    pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    level = estimate(pixels, model)
    assert level >= 0 and level == estimate(pixels, model)
    alpha = np.full((40, 50, 1), 7, np.uint8)
    assert estimate(np.concatenate([pixels, alpha], axis=-1), model) == level
    assert estimate(pixels.astype(np.uint16) * 257, model) == pytest.approx(level, rel=1e-3)
    assert estimate(pixels / np.float32(255), model) == pytest.approx(level, rel=1e-3)
    gray = pixels[..., 0]
    assert estimate(gray, model) == pytest.approx(estimate(np.stack([gray] * 3, -1), model))


def test_a_gray_network_estimates_colour_channel_by_channel(rng):
    model = random_estimator(channels=1)
    pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    each = [estimate(pixels[..., channel], model) for channel in range(3)]
    assert estimate(pixels, model) == pytest.approx(np.mean(each), rel=1e-4)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((15, 40), np.uint8), "at least 16x16 pixels to estimate a level, got 40x15"),
        (np.zeros((40, 40, 5), np.uint8), "1 to 4"),
        (np.full((40, 40), 200.0), "in \\[0, 1\\]"),
    ],
    ids=["small", "channels", "range"],
)
def test_invalid_pictures_are_refused(picture, words):
    with pytest.raises(ValueError, match=words):
        estimate(picture, random_estimator())


@pytest.mark.parametrize("sigma", [5.0, 15.0, 25.0, 50.0, 75.0, 100.0])
def test_the_shipped_estimator_estimates_the_added_noise(shipped, photo, sigma):
    noisy = add_gaussian_noise(photo[None], sigma, (0, 1))[0].numpy()
    assert estimate(noisy, shipped) == pytest.approx(sigma, abs=1.0)
    # The three equal channels of gray have the same noise.
    gray = add_gaussian_noise(photo[None, ..., 1:2], sigma, (0, 2))[0].numpy()
    assert estimate(gray, shipped) == pytest.approx(sigma, abs=2.5)


def test_the_estimate_of_a_clean_picture_is_small(shipped, photo):
    assert estimate(photo, shipped) < 2
    assert estimate(np.full((64, 64, 3), 90, np.uint8), shipped) < 2
