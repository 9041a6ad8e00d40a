import numpy as np
import pytest
from keras import ops

from keras_hyper.methods.kernels import OneKernelConv2D, TunedConv2D, spread
from tests.conftest import assert_close, assert_equal


class Doubled(OneKernelConv2D):
    """Its kernel is the base kernel times two to the level."""

    def kernel_at(self, level):
        return self.base_kernel * ops.exp(level * np.log(2.0))


@pytest.fixture
def features(rng):
    return rng.random((2, 6, 7, 3), dtype="float32")


def test_without_tuning_the_level_changes_nothing(features):
    layer = TunedConv2D(4, 3)
    before = layer(features, level=np.float32(-1))
    assert_equal(layer(features, level=np.float32(1)), before)
    assert_equal(layer.w, np.zeros((3, 3, 3, 4)))
    assert [tuple(weight.shape) for weight in layer.get_weights()] == [(3, 3, 3, 4), (4,)]


def test_every_image_gets_the_kernel_of_its_level(features):
    layer = Doubled(4, 3)
    once, twice = layer(features, level=np.float32(0)), layer(features, level=np.float32(1))
    assert_close(twice, 2 * np.asarray(once), rtol=1e-5, atol=1e-6)  # its bias begins at zero
    both = layer(features, level=np.float32([0, 1]))
    assert_close(both[0], once[0], atol=1e-6)
    assert_close(both[1], twice[1], atol=1e-6)


def test_a_map_of_levels_is_refused(features):
    with pytest.raises(ValueError, match="expected one level for an image, since Doubled is not"):
        Doubled(4, 3)(features, level=np.zeros((2, 6, 7), np.float32))


def test_levels_are_spread_over_the_features():
    assert tuple(spread(0.5, "float32").shape) == ()
    assert tuple(spread(np.zeros(2), "float32").shape) == (2, 1, 1, 1)
    assert tuple(spread(np.zeros((2, 6, 7)), "float32").shape) == (2, 6, 7, 1)
