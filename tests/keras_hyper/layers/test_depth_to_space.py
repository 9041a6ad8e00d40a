import numpy as np
import pytest
import tensorflow as tf

from keras_hyper.layers import DepthToSpace


def test_equals_tensorflows_own(rng):
    features = rng.normal(size=(2, 3, 5, 12)).astype("float32")
    np.testing.assert_array_equal(DepthToSpace(2)(features), tf.nn.depth_to_space(features, 2))


def test_a_square_of_four_channels():
    square = np.arange(4, dtype="float32").reshape(1, 1, 1, 4)
    np.testing.assert_array_equal(DepthToSpace(2)(square)[0, :, :, 0], [[0, 1], [2, 3]])


def test_bad_arguments_say_what_came():
    with pytest.raises(ValueError, match="block_size=1"):
        DepthToSpace(1)
    with pytest.raises(ValueError, match="divisible by 4"):
        DepthToSpace(2).build((1, 2, 2, 6))
