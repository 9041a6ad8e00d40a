import numpy as np
import pytest
import tensorflow as tf

from keras_hyper.export import tiles
from tests.conftest import random_network


@pytest.fixture(scope="module")
def network():
    return random_network()


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(tiles, "TILE", 16)
    monkeypatch.setattr(tiles, "whole_pixels", lambda halo: 40 * 40)


def in_graph(restore, network, dtype=tf.float32):
    inputs = [tf.TensorSpec((None, None, None, 3), tf.float32), tf.TensorSpec((None,), tf.float32)]

    @tf.function(input_signature=inputs, autograph=False)
    def run(image, level):
        return tiles.restored_in_tiles(restore, image, level, dtype, network)

    return run


def test_tiles_equal_the_whole(network, small_tiles, rng):
    windows = []

    def restore(image, level):
        # NumPy counts at run time; the graph has one call.
        tf.py_function(lambda shape: windows.append(shape.numpy()), [tf.shape(image)], [])
        return network.infer({"image": image, "level": level})

    run = in_graph(restore, network)
    for shape, calls in (
        ((1, 40, 40), 1), ((1, 41, 41), 4), ((1, 97, 53), 10), ((1, 3, 700), 43), ((3, 57, 40), 9)
    ):  # fmt: skip
        image = rng.random((*shape, 3), dtype="float32")
        level = np.float32([25, 60, 25][: shape[0]])
        windows.clear()
        found = run(image, level)
        assert len(windows) == calls and max(map(np.prod, windows)) <= 3 * 41 * 41
        whole = network.infer({"image": image, "level": level})
        np.testing.assert_allclose(found, whole, atol=1e-5)


def test_levels_of_one_picture_stay_together(network, small_tiles, rng):
    image, level = rng.random((1, 50, 61, 3), dtype="float32"), np.float32([5, 40, 75])
    found = in_graph(network.sweep, network)(image, level)
    np.testing.assert_allclose(found, network.sweep(image, level), atol=1e-5)


def test_client_tiles_are_restored_at_once():
    assert tiles.whole_pixels(24) == 560 * 560
