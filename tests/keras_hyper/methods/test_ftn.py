import numpy as np

from keras_hyper.methods import TransformedConv2D
from tests.keras_hyper.methods.vectors import convolve, filled


def test_layer_equals_the_equation_in_numpy(rng):
    layer = filled(TransformedConv2D(5, 3, transform_groups=2), 6, rng)
    kernel, bias, first, slope, second = layer.get_weights()
    groups = []
    for group in range(2):
        part = kernel[:, :, 3 * group : 3 * group + 3]
        hidden = np.einsum("rcio,ij->rcjo", part, first[group])
        hidden = np.where(hidden > 0, hidden, slope[group] * hidden)
        groups.append(part + np.einsum("rcio,ij->rcjo", hidden, second[group]))
    transformed = np.concatenate(groups, axis=2)
    features = rng.random((6, 7, 6), dtype="float32")
    for c in (0.0, 0.4, 1.3):
        expected = convolve(features, (1 - c) * kernel + c * transformed, bias)
        np.testing.assert_allclose(layer(features[None], level=c)[0], expected, atol=2e-5)


def test_transform_begins_as_the_identity(rng):
    layer = TransformedConv2D(5, 3)
    features = rng.random((1, 6, 7, 6), dtype="float32")
    before, after = (np.asarray(layer(features, level=c)) for c in (0.0, 1.0))
    np.testing.assert_array_equal(before, after)
    assert layer.first.shape == (2, 3, 3) and layer.get_config()["transform_groups"] == 16
