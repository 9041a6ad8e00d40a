import keras
import numpy as np
import pytest

from keras_hyper import HyperRes
from keras_hyper.methods import METHODS, merge
from tests.keras_hyper.methods.vectors import random_network

# CFSNet becomes wide blocks: another test.
PLACES = {name: list(method.places) for name, method in METHODS.items()} | {"cfsnet": ["conv2"]}
MERGED = [name for name, method in METHODS.items() if method.merges]


@pytest.mark.parametrize("method", MERGED)
def test_merged_network_equals_the_method_at_every_level(method, rng):
    network = random_network(method, rng, level_table=[[5, 0], [30, 0.6], [75, 1]])
    merged = merge(network)
    assert type(merged) is HyperRes and merged.halo == network.halo
    assert merged.places == PLACES[method]
    image = rng.random((3, 7, 6, 1), dtype="float32")
    # Inside the levels and outside of them.
    for level in (np.float32([30, 55, 110]), -8.0):
        ours, theirs = (np.asarray(m({"image": image, "level": level})) for m in (merged, network))
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * max(1, np.abs(theirs).max()))


def test_method_that_is_not_affine_is_refused(rng):
    with pytest.raises(ValueError, match=r"kernels level \* w \+ b, got three_sets"):
        merge(random_network("three_sets", rng))


def test_saved_merged_network_serves_one_level_maps_and_a_sweep(rng, tmp_path):
    network = random_network("dni", rng, level_table=[[5, 0], [30, 0.6], [75, 1]])
    merge(network).save(tmp_path / "model.keras")
    merged = keras.models.load_model(tmp_path / "model.keras")
    image = rng.random((1, 7, 6, 1), dtype="float32")
    level = {"image": image, "level": np.full((1, 7, 6), 20.0, np.float32)}
    np.testing.assert_allclose(merged(level), network(level), atol=1e-5)
    expected = np.asarray(network({"image": image, "level": 20.0}))
    np.testing.assert_allclose(merged.at_level(20.0)(image), expected, atol=1e-5)
    np.testing.assert_allclose(merged.sweep(image, [20.0])[:1], expected, atol=1e-5)
