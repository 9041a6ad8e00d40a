import numpy as np
import pytest

from keras_hyper.methods import LevelMapConv2D
from tests.keras_hyper.methods.vectors import convolve, filled, random_network


def test_level_map_is_one_more_channel(rng):
    layer = filled(LevelMapConv2D(5, 3, padding="valid"), 4, rng)
    kernel, bias, of_level = layer.get_weights()
    features = rng.random((6, 7, 4), dtype="float32")
    for c in (0.0, 0.4, -1.3):
        more = np.concatenate([features, np.full((6, 7, 1), c)], axis=-1)
        whole = np.concatenate([kernel, of_level], axis=2)
        expected = convolve(more, whole, bias)[1:-1, 1:-1]
        np.testing.assert_allclose(layer(features[None], level=c)[0], expected, atol=1e-5)


@pytest.mark.parametrize(("method", "same"), [("blind", True), ("level_map", False)])
def test_level_changes_the_output(method, same, rng):
    network = random_network(method, rng)
    image = rng.random((1, 6, 7, 1), dtype="float32")
    low, high = (np.asarray(network({"image": image, "level": c})) for c in (5.0, 75.0))
    assert np.array_equal(low, high) == same
