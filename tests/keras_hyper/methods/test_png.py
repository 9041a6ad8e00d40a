import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_hyper.methods import METHODS
from keras_hyper.methods.png import MaskedConv2D
from tests.keras_hyper.methods.vectors import filled, random_network


@pytest.fixture
def layer(rng):
    layer = MaskedConv2D(5, 3)
    layer.build((None, None, None, 4))
    layer.base_kernel.assign(rng.normal(0, 1, layer.base_kernel.shape))
    return layer


def test_pruning_keeps_the_largest_and_frees_the_rest(layer):
    before = np.asarray(layer.kernel_at(0.0))
    layer.prune(0, 0.5)
    after = np.asarray(layer.kernel_at(0.0))
    kept = after != 0
    assert kept.mean() == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(after[kept], before[kept])
    assert np.abs(before[~kept]).max() <= np.abs(before[kept]).min()


def test_later_level_changes_only_its_own_weights(layer):
    layer.prune(0, 0.5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer.kernel_at(0.5) ** 2 + layer.kernel_at(0.5))
    gradient = np.asarray(tape.gradient(loss, layer.base_kernel.value))
    np.testing.assert_array_equal(gradient != 0, np.asarray(layer.owner) == 1)
    first = np.asarray(layer.kernel_at(0.0))
    layer.base_kernel.assign(np.asarray(layer.base_kernel) - gradient)
    np.testing.assert_array_equal(layer.kernel_at(0.0), first)


@pytest.mark.parametrize(("scalar", "index"), [(-1, 0), (0.2, 0), (0.3, 1), (0.8, 2), (2, 2)])
def test_scalar_is_rounded_to_a_level(scalar, index, rng):
    layer = filled(MaskedConv2D(5, 3), 4, rng)
    expected = [layer.base_bias, *np.asarray(layer.biases)][index]
    np.testing.assert_array_equal(layer.bias_at(scalar), expected)


def test_stages_prune_and_masks_are_saved(rng, tmp_path):
    network = random_network("png", rng, level_table=[[5, 0], [40, 0.5], [75, 1]])
    for conv in network.generated_convs:
        conv.owner.assign(np.zeros(conv.owner.shape))
    for index, stage in enumerate(METHODS["png"].stages):
        network.select_stage(index)
        if stage.start:
            for conv in network.generated_convs:
                conv.base_kernel.assign(rng.normal(0, 1, conv.base_kernel.shape))
            stage.start(network)
    owners = [np.asarray(conv.owner) for conv in network.generated_convs]
    assert {0, 1, 2} == set(np.unique(np.concatenate([owner.ravel() for owner in owners])))
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for owner, conv in zip(owners, loaded.generated_convs, strict=True):
        np.testing.assert_array_equal(conv.owner, owner)
