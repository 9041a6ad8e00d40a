import numpy as np
import pytest

import keras_hyper
from tests.conftest import random_network


@pytest.fixture(scope="module")
def colour():
    return random_network(blocks=2)


@pytest.fixture(scope="module")
def gray():
    return random_network(channels=1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 2), (9, 7, 3), (9, 7, 4), (1, 1, 3)])
def test_the_same_kind_comes_out(colour, gray, rng, dtype, shape):
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


def test_bytes_are_rounded_not_truncated(colour, rng):
    picture = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    exact = keras_hyper.restore(picture / np.float32(255), 25, colour)
    np.testing.assert_array_equal(keras_hyper.restore(picture, 25, colour), np.rint(exact * 255))


def test_gray_network_leaves_the_chroma(gray, rng):
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


def test_level_outside_the_trained_range_warns_and_works(colour):
    with pytest.warns(UserWarning, match="level 110 is outside the range trained on, 5 to 75"):
        keras_hyper.restore(np.zeros((4, 4, 3)), 110, colour)


@pytest.mark.parametrize(
    ("picture", "level", "words"),
    [
        (np.zeros((4, 4, 5)), 25, r"Received: \(4, 4, 5\)"),
        (np.zeros(4), 25, r"Received: \(4,\)"),
        (np.zeros((0, 4, 3)), 25, "pixels was wanted"),
        (np.zeros((4, 4), np.int32), 25, "Received: int32"),
        (np.full((4, 4), 200.0), 25, "Received: 200 to 200"),
        (np.full((4, 4), np.nan), 25, "Received: nan"),
        (np.zeros((4, 4)), -1, "Received: -1"),
        (np.zeros((4, 4)), np.nan, "Received: nan"),
        (np.zeros((4, 4)), np.zeros((2, 2)), r"Received: shape \(2, 2\)"),
    ],
)
def test_bad_input_says_what_came(colour, picture, level, words):
    with pytest.raises(ValueError, match=words):
        keras_hyper.restore(picture, level, colour)


def test_odd_tile_is_refused(colour):
    with pytest.raises(ValueError, match="tile=33"):
        keras_hyper.restore(np.zeros((4, 4)), 25, colour, tile=33)
