import keras
import numpy as np
import pytest

from keras_hyper.methods import EmbeddedConv2D
from tests.keras_hyper.methods.vectors import convolve, random_network


def test_kernel_equals_the_computation_in_numpy(rng):
    layer = EmbeddedConv2D(5, 3)
    x = rng.random((2, 6, 7, 4), dtype="float32")
    layer(x, level=0.0)
    g, z = layer.generator, np.asarray(layer.embedding)
    layer.shift.assign(rng.random(5))
    for index, c in enumerate((-0.3, 0.8)):
        hidden = np.maximum(np.append(z, c) @ np.asarray(g.hidden), 0)
        inner = (z + hidden @ np.asarray(g.embedded)) @ np.asarray(g.inner)
        kernel = (inner.reshape(4, -1) @ np.asarray(g.outer)).reshape(4, 3, 3, 5)
        bias = c * np.asarray(layer.shift)
        expected = convolve(x[index], kernel.transpose(1, 2, 0, 3), bias)
        both = layer(x, level=np.float32([-0.3, 0.8]))
        np.testing.assert_allclose(both[index], expected, atol=2e-5)


def test_kernel_is_not_linear_in_the_level():
    layer = EmbeddedConv2D(5, 3)
    layer.build((None, None, None, 4))
    low, middle, high = (np.asarray(layer.kernel_at(c)) for c in (-1.0, 0.0, 1.0))
    assert np.abs(high - low).max() > 1e-3
    assert np.abs(high + low - 2 * middle).max() > 1e-4


def test_layers_of_a_saved_network_share_one_generator(rng, tmp_path):
    network = random_network("generator", rng, blocks=2)
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len({id(conv.generator) for conv in loaded.block_convs}) == 1
    assert loaded.count_params() == network.count_params()
    image = rng.random((1, 6, 6, 1), dtype="float32")
    for level in (10.0, 70.0):
        expected = network({"image": image, "level": level})
        np.testing.assert_allclose(loaded({"image": image, "level": level}), expected, atol=1e-6)


def test_level_map_is_refused(rng):
    network = random_network("generator", rng)
    with pytest.raises(ValueError, match="expected one level for an image, since EmbeddedConv2D"):
        network({"image": np.zeros((1, 6, 6, 1)), "level": np.zeros((1, 6, 6))})
