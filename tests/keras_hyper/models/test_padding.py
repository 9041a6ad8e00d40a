import numpy as np
import pytest
import tensorflow as tf

from keras_hyper.models.padding import pad_to_multiple


@pytest.mark.parametrize("sides", [(1, 1), (1, 2), (2, 3), (3, 2), (4, 4), (5, 7), (13, 1)])
@pytest.mark.parametrize("multiple", [1, 2, 4, 16])
@pytest.mark.parametrize("traced", [False, True])
def test_pads_to_a_multiple_and_crops_back(sides, multiple, traced, rng):
    image = rng.random((2, *sides, 3), dtype="float32")

    def there_and_back(x):
        padded, crop = pad_to_multiple(x, multiple)
        return padded, crop(padded)

    if traced:
        spec = tf.TensorSpec((None, None, None, 3))
        there_and_back = tf.function(there_and_back, input_signature=[spec])
    padded, cropped = there_and_back(image)
    assert all(side % multiple == 0 for side in padded.shape[1:3])
    assert all(0 <= p - s < multiple for p, s in zip(padded.shape[1:3], sides, strict=True))
    np.testing.assert_array_equal(cropped, image)


def test_padding_is_numpys_reflection(rng):
    image = rng.random((1, 5, 6, 1), dtype="float32")
    padded, _ = pad_to_multiple(image, 8)
    expected = np.pad(image, ((0, 0), (0, 3), (0, 2), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(padded, expected)
