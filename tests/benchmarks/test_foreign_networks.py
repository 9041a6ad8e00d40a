import numpy as np
import pytest

from benchmarks.foreign_networks import LEVEL_RANGE, NETWORKS, PATCH, train
from keras_hyper import hyperize


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_keeps_the_size_and_begins_as_it_was(name, rng):
    network = NETWORKS[name]()
    image = rng.random((1, 16, 24, 3), dtype="float32")
    expected = network(image)
    assert expected.shape == image.shape and np.abs(expected - image).max() > 1e-3
    found = hyperize(network, LEVEL_RANGE)({"image": image, "level": 25.0})
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_training_takes_several_steps_in_its_time_and_lowers_the_rate(rng):
    network = hyperize(NETWORKS["U-Net on MobileNet"](), LEVEL_RANGE)
    before = network.get_weights()
    pictures = [rng.random((PATCH, PATCH + 8, 3), dtype="float32")]
    steps = train(network, pictures, 1 / 60, batch=1)
    assert steps > 1
    assert 0 <= float(network.optimizer.learning_rate.numpy()) < 9.9e-4
    assert any(np.any(a != b) for a, b in zip(before, network.get_weights(), strict=True))
