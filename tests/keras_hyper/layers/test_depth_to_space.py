import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_hyper.layers import DepthToSpace


def test_equals_depth_to_space_of_tensorflow(rng):
    features = rng.normal(size=(2, 3, 5, 12)).astype("float32")
    np.testing.assert_array_equal(DepthToSpace(2)(features), tf.nn.depth_to_space(features, 2))


def test_four_channels_become_a_square():
    square = np.arange(4, dtype="float32").reshape(1, 1, 1, 4)
    np.testing.assert_array_equal(DepthToSpace(2)(square)[0, :, :, 0], [[0, 1], [2, 3]])


def test_invalid_arguments_are_refused_with_their_value():
    with pytest.raises(ValueError, match="block_size=1"):
        DepthToSpace(1)
    with pytest.raises(ValueError, match="divisible by 4"):
        DepthToSpace(2).build((1, 2, 2, 6))


def test_a_saved_layer_is_loaded_by_its_registered_name():
    assert keras.saving.get_registered_object("keras_hyper>DepthToSpace") is DepthToSpace
    assert DepthToSpace().block_size == 2
    loaded = DepthToSpace.from_config(DepthToSpace(3, name="shuffle").get_config())
    assert (loaded.block_size, loaded.name) == (3, "shuffle")
