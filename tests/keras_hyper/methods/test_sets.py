import numpy as np
import pytest

from keras_hyper.methods import KernelSetsConv2D
from tests.keras_hyper.methods.vectors import convolve, filled, random_network


def test_three_sets_are_a_quadratic_in_numpy(rng):
    layer = filled(KernelSetsConv2D(5, 3), 4, rng)
    k0, b0, k1, b1, k2, b2 = layer.get_weights()
    x = rng.random((2, 6, 7, 4), dtype="float32")

    def expected(i, c):
        return convolve(x[i], k0 + c * k1 + c * c * k2, b0 + c * b1 + c * c * b2)

    np.testing.assert_allclose(layer(x, level=-0.4)[1], expected(1, -0.4), atol=2e-5)
    each = layer(x, level=np.float32([0.3, 1.2]))
    np.testing.assert_allclose(each[0], expected(0, 0.3), atol=2e-5)
    np.testing.assert_allclose(each[1], expected(1, 1.2), atol=2e-5)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (0.0, [0, 0]),
        (0.25, [0.5, 0]),
        (0.5, [1, 0]),
        (0.75, [0.5, 0.5]),
        (1.0, [0, 1]),
        (2, [0, 1]),
    ],
)
def test_hats_are_linear_between_the_sets(level, expected):
    factors = KernelSetsConv2D(5, 3, sets=2, basis="hats").factors(level)
    np.testing.assert_allclose([float(factor) for factor in factors], expected, atol=1e-6)


def test_rcd_returns_the_input_where_nothing_is_to_restore(rng):
    network = random_network("rcd", rng, level_table=[[0, 0], [75, 1]])
    image = rng.random((1, 7, 6, 1), dtype="float32")
    np.testing.assert_array_equal(network({"image": image, "level": 0.0}), image)
    assert np.abs(network({"image": image, "level": 30.0}) - image).max() > 1e-3


@pytest.mark.parametrize("method", ["rcd", "three_sets"])
def test_sweep_equals_the_calls(method, rng):
    network = random_network(method, rng, level_table=[[0, 0], [75, 1]])
    image = rng.random((1, 7, 5, 1), dtype="float32")
    levels = np.float32([10, 30, 75])
    for level, swept in zip(levels, network.sweep(image, levels), strict=True):
        restored = network({"image": image, "level": level})[0]
        np.testing.assert_allclose(swept, restored, atol=2e-5)
        np.testing.assert_allclose(network.at_level(level)(image)[0], restored, atol=2e-5)
