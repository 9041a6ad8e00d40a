import numpy as np

from keras_hyper.methods import BiasedConv2D
from tests.keras_hyper.methods.vectors import convolve, filled


def test_layer_equals_the_equation_in_numpy(rng):
    layer = filled(BiasedConv2D(5, 3), 4, rng)
    kernel, bias, shift = layer.get_weights()
    features = rng.random((6, 7, 4), dtype="float32")
    expected = convolve(features, kernel, bias + 0.4 * shift)
    np.testing.assert_allclose(layer(features[None], level=0.4)[0], expected, atol=1e-5)
