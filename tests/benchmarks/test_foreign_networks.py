import numpy as np
import pytest

from benchmarks.foreign_networks import LEVEL_RANGE, NETWORKS
from keras_hyper import hyperize


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_keeps_the_size_and_begins_as_it_was(name, rng):
    network = NETWORKS[name]()
    image = rng.random((1, 16, 24, 3), dtype="float32")
    expected = network(image)
    assert expected.shape == image.shape and np.abs(expected - image).max() > 1e-3
    found = hyperize(network, LEVEL_RANGE)({"image": image, "level": 25.0})
    np.testing.assert_allclose(found, expected, atol=1e-6)
