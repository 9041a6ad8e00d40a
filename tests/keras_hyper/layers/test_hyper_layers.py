"""Generated layers other than HyperConv2D equal the layer of Keras with the generated weights."""

import numpy as np
import pytest

from keras_hyper.layers import (
    HyperConv2D,
    HyperConv2DTranspose,
    HyperDense,
    HyperDepthwiseConv2D,
    HyperSeparableConv2D,
)
from tests.conftest import assert_close, numpy

CASES = [
    (HyperConv2D, {"filters": 6, "kernel_size": 3, "strides": 2, "activation": "relu"}),
    (HyperDepthwiseConv2D, {"kernel_size": 3, "depth_multiplier": 2, "activation": "relu"}),
    (HyperDepthwiseConv2D, {"kernel_size": 3, "dilation_rate": 2, "use_bias": False}),
    (HyperConv2DTranspose, {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same"}),
    (HyperSeparableConv2D, {"filters": 6, "kernel_size": 3, "strides": 2, "depth_multiplier": 2}),
    (HyperSeparableConv2D, {"filters": 6, "kernel_size": 3, "activation": "relu"}),
    (HyperDense, {"units": 5, "activation": "tanh"}),
]


@pytest.fixture
def features(rng):
    return rng.normal(size=(3, 7, 9, 4)).astype("float32")


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_equals_the_layer_of_keras_with_the_generated_weights(kind, options, axes, features):
    layer = kind(**options, axes=axes)
    layer.build(features.shape)
    rng = np.random.default_rng(2)
    layer.set_weights([rng.normal(0, 0.3, weight.shape) for weight in layer.weights])
    plain = layer.to_plain()
    assert type(plain) is kind.plain
    plain.build(features.shape)
    levels = rng.random((3, axes), dtype="float32")
    levels = levels[:, 0] if axes == 1 else levels
    together = numpy(layer(features, levels))
    assert together.shape == tuple(layer.compute_output_shape(features.shape))
    for image, level, row in zip(features, levels, together, strict=True):
        plain.set_weights(layer.weights_at(level))
        expected = numpy(plain(image[None]))
        assert_close(layer(image[None], level), expected, atol=1e-5)
        assert_close(row, expected[0], atol=1e-4)


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_begins_as_a_layer_of_keras(kind, options, features):
    plain = kind.plain(**options)
    expected = numpy(plain(features))
    layer = kind.from_plain(plain)
    layer.build(features.shape)
    layer.begin_as(plain)
    assert_close(layer(features, level=0.7), expected, atol=1e-6)
    assert kind.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize("shape", [(), (2, 3), (3,), (3, 1), (3, 7, 9), (3, 7, 9, 1)], ids=str)
def test_a_level_without_its_axes_is_refused(shape, features):
    with pytest.raises(ValueError, match=r"\(2,\), \(3, 2\), \(3, 7, 9, 2\), got"):
        HyperConv2D(4, 3, axes=2)(features, np.zeros(shape, np.float32))


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_one_row_of_two_axes_is_for_all_images(batch, rng):
    layer = HyperConv2D(4, 3, axes=2, slope_initializer="he_normal")
    features = rng.random((batch, 5, 6, 3), dtype="float32")
    level = np.float32([0.3, -0.2])
    assert_close(layer(features, level[None]), layer(features, level), atol=1e-6)
    with pytest.raises(ValueError, match="expected `level` of one of the shapes"):
        layer(features, np.zeros((batch, 1), np.float32))


def test_a_map_of_two_axes_applies_per_pixel(features):
    layer = HyperConv2D(4, 3, axes=2, slope_initializer="he_normal")
    level = np.zeros((3, 7, 9, 2), np.float32)
    level[..., 1] = 0.5
    one = layer(features, np.float32([0, 0.5]))
    assert_close(layer(features, level), one, atol=1e-5)


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_an_empty_batch_has_an_empty_answer(kind, options, features):
    layer = kind(**options)
    sides = layer(features, level=np.float32(0.3)).shape[1:]
    for shape in ((), (0,)):
        assert layer(features[:0], level=np.zeros(shape, "float32")).shape == (0, *sides)


def test_dense_takes_features_of_any_rank(rng):
    for sides in ((), (5,), (5, 6)):
        features = rng.normal(size=(3, *sides, 4)).astype("float32")
        layer = HyperDense(2, slope_initializer="ones")
        outputs = layer(features, np.float32([0.1, 0.5, 0.9]))
        expected = layer(features[1:2], np.float32(0.5))
        assert_close(outputs[1:2], expected, atol=1e-5)


def test_number_of_axes_must_be_positive():
    with pytest.raises(ValueError, match="`axes` of at least 1, got axes=0"):
        HyperDense(2, axes=0)


def test_keras_quantization_and_low_rank_updates_are_refused(features):
    layer = HyperDense(2)
    layer(features, level=0.5)
    with pytest.raises(NotImplementedError):
        layer.enable_lora(2)
    with pytest.raises(NotImplementedError):
        layer.quantize("int8")
