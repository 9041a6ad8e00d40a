import math

import numpy as np
import pytest

from keras_hyper.methods import MetaUpscale
from tests.keras_hyper.methods.vectors import filled


def reference(features, factor, k1, b1, k2, b2):
    """The equation pixel by pixel."""
    height, width, channels = features.shape
    padded = np.pad(features, ((1, 1), (1, 1), (0, 0)))
    rows, columns = math.floor(factor * height), math.floor(factor * width)
    outputs = np.zeros((rows, columns, k2.shape[1] // (9 * channels)))
    for i in range(rows):
        for j in range(columns):
            (down, row), (across, column) = (math.modf(place / factor) for place in (i, j))
            hidden = np.maximum(np.array([1 / factor, down, across]) @ k1 + b1, 0)
            kernel = (hidden @ k2 + b2).reshape(channels, 3, 3, -1)
            near = padded[int(row) : int(row) + 3, int(column) : int(column) + 3]
            outputs[i, j] = np.einsum("rsc,crso->o", near, kernel)
    return outputs


@pytest.mark.parametrize("factor", [1.0, 1.7, 2.5])
def test_layer_equals_the_equation_in_numpy(factor, rng):
    layer = filled(MetaUpscale(2, hidden=6), 3, rng)
    features = rng.random((4, 5, 3), dtype="float32")
    expected = reference(features, factor, *layer.get_weights())
    np.testing.assert_allclose(layer(features[None], factor=factor)[0], expected, atol=1e-4)


def test_factor_below_one_is_refused():
    with pytest.raises(ValueError, match="expected a `factor` of at least 1, got 0.5"):
        MetaUpscale()(np.zeros((1, 4, 4, 8)), factor=0.5)


def test_layer_equals_the_authors_module(shared):
    known = np.load(shared / "parity" / "methods" / "meta_sr_upscale.npz")
    layer = MetaUpscale(3)
    layer.build(known["features"].shape)
    names = [
        f"weight/P2W.meta_block.{index}.{part}" for index in (0, 2) for part in ("weight", "bias")
    ]
    layer.set_weights([known[name].T for name in names])
    for index, factor in enumerate(known["scale"].tolist()):
        expected = known[f"restored_{index}"]
        restored = layer(known["features"], factor=factor)
        np.testing.assert_allclose(restored, expected, atol=1e-5 * max(1, np.abs(expected).max()))
