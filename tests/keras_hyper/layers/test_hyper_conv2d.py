import importlib

import keras
import numpy as np
import pytest
from keras import ops

from keras_hyper.layers import HyperConv2D
from tests.conftest import assert_close, assert_equal, needs_bfloat16, numpy


@pytest.fixture
def features(rng):
    return rng.normal(size=(3, 7, 9, 4)).astype("float32")


def filled(layer, features):
    """Builds a layer with random values for all weights, including `w`."""
    layer.build(features.shape, ())
    rng = np.random.default_rng(2)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    return layer


def test_weights_and_output_shape(features):
    layer = HyperConv2D(8, 3)
    assert layer(features, level=0.5).shape == (3, 7, 9, 8)
    assert layer.w.shape == layer.b.shape == (3, 3, 4, 8)
    assert layer.bias_w.shape == layer.bias_b.shape == (8,)
    assert layer.count_params() == 2 * (3 * 3 * 4 * 8 + 8)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": 2},
        {"padding": "valid"},
        {"dilation_rate": 2},
        {"groups": 2},
        {"use_bias": False},
        {"activation": "relu"},
        {"kernel_size": (1, 5), "strides": (2, 1)},
        {"kernel_size": 4},
    ],
    ids=str,
)
def test_equals_conv2d_with_the_generated_kernel(features, options):
    options = {"kernel_size": 3, "padding": "same", **options}
    layer = filled(HyperConv2D(8, **options), features)
    plain = keras.layers.Conv2D(8, **options)
    plain.build(features.shape)
    weights = [layer.kernel_at(0.7)] + ([layer.bias_at(0.7)] if layer.use_bias else [])
    plain.set_weights([numpy(weight) for weight in weights])
    assert_close(layer(features, level=0.7), plain(features), atol=1e-5)


def test_kernel_is_equation_2(features):
    layer = filled(HyperConv2D(8, 3), features)
    expected = 0.25 * numpy(layer.w) + numpy(layer.b)
    assert_close(layer.kernel_at(0.25), expected, rtol=1e-6)


def test_output_is_affine_in_the_level(features):
    layer = filled(HyperConv2D(8, 3), features)
    y0, y1, y3 = (numpy(layer(features, level=level)) for level in (0.0, 1.0, 3.0))
    # Sums of 36 products of order one.
    assert_close(y3 - y0, 3 * (y1 - y0), atol=1e-4)


def test_level_per_image_gives_each_image_its_own_kernel(features):
    layer = filled(HyperConv2D(8, 3, strides=2), features)
    levels = np.float32([0.1, 0.9, -0.4])
    together = layer(features, level=levels)
    for image, level, row in zip(features, levels, together, strict=True):
        assert_close(row, layer(image[None], level=level)[0], atol=1e-5)


def test_map_of_one_value_equals_the_scalar(features):
    layer = filled(HyperConv2D(8, 3), features)
    everywhere = np.full((3, 7, 9), 0.6, np.float32)
    # The order of summation differs.
    assert_close(layer(features, level=everywhere), layer(features, level=0.6), atol=1e-4)


def test_map_applies_per_pixel(features):
    layer = filled(HyperConv2D(8, 3), features)
    left = np.zeros((3, 7, 9), np.float32)
    left[:, :, :4] = 1.0
    mixed, one, zero = (numpy(layer(features, level=level)) for level in (left, 1.0, 0.0))
    assert_close(mixed[:, :, :4], one[:, :, :4], atol=1e-4)
    assert_close(mixed[:, :, 4:], zero[:, :, 4:], atol=1e-4)


@pytest.mark.parametrize("level", [0.6, [0.1, 0.9, -0.4], "map"], ids=str)
def test_channels_first_equals_channels_last(features, level, monkeypatch):
    last = filled(HyperConv2D(8, 3, activation="relu"), features)
    first = HyperConv2D(8, 3, activation="relu", data_format="channels_first")
    transposed = features.transpose(0, 3, 1, 2)
    first.build(transposed.shape, ())
    first.set_weights(last.get_weights())
    if level == "map":
        level = np.random.default_rng(1).random((3, 7, 9), dtype="float32")

    # On a CPU without oneDNN, TensorFlow convolves only channels_last.
    def convolve(inputs, kernel):
        y = ops.conv(ops.transpose(inputs, (0, 2, 3, 1)), kernel, padding="same")
        return ops.transpose(y, (0, 3, 1, 2))

    monkeypatch.setattr(first, "convolution_op", convolve)
    expected = numpy(last(features, level=np.float32(level))).transpose(0, 3, 1, 2)
    assert first.bias_at(1.0).shape == (8,)
    assert_close(first(transposed, level=np.float32(level)), expected, atol=1e-4)


def test_groups_must_divide_the_channels_of_the_features(features):
    with pytest.raises(ValueError, match="evenly divisible by the number of groups"):
        HyperConv2D(9, 3, groups=3)(features, level=0.5)


def test_posters_form_has_no_offset_with_a_level_per_image(features):
    layer = HyperConv2D(8, 3, use_offset=False)
    levels = np.float32([0.0, 1.0, 2.0])
    outputs = numpy(layer(features, level=levels))
    assert not outputs[0].any() and outputs[1].any()


def test_defaults_are_stride_1_linear_and_bias():
    config = HyperConv2D(8, 3).get_config()
    expected = {
        "strides": (1, 1), "padding": "same", "data_format": "channels_last",
        "dilation_rate": (1, 1), "groups": 1, "activation": "linear", "use_bias": True,
        "use_offset": True,
    }  # fmt: skip
    assert {name: config[name] for name in expected} == expected


def test_initial_layer_is_the_same_convolution_at_every_level(features):
    layer = HyperConv2D(64, 3)
    layer.build((None, None, None, 64), ())
    expected = (2 / (9 * 64)) ** 0.5
    for level in (-1.0, 0.0, 0.3, 1.0):
        assert np.std(numpy(layer.kernel_at(level))) == pytest.approx(expected, rel=0.05)


def test_posters_form_scales_one_kernel(features):
    layer = HyperConv2D(8, 3, use_offset=False)
    y1, y2 = layer(features, level=1.0), layer(features, level=2.0)
    assert layer.b is None and layer.count_params() == 3 * 3 * 4 * 8 + 8
    assert_close(y2, 2 * numpy(y1), atol=1e-5)
    assert np.std(numpy(layer.kernel_at(1.0))) > 0


def test_level_is_not_rounded_in_mixed_precision(features):
    layer = HyperConv2D(8, 3, dtype="mixed_bfloat16")
    layer.build(features.shape, ())
    layer.w.assign(np.ones(layer.w.shape))
    layer.b.assign(np.zeros(layer.b.shape))
    seen = []
    layer.convolve = lambda x, kernel, bias: seen.append(kernel) or x
    layer(features, level=np.float32(1.001))  # bfloat16 has no number between 1 and 1.0078
    assert numpy(seen[0]).max() == pytest.approx(1.001, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"filters": 0}, "filters"),
        ({"data_format": "channels"}, "channels"),
        ({"kernel_size": 0}, "kernel_size"),
        ({"kernel_size": (3, 3, 3)}, "kernel_size"),
        ({"kernel_size": (3,)}, "kernel_size"),
        ({"padding": "reflect"}, "reflect"),
        ({"filters": 8, "groups": 3}, "groups"),
    ],
    ids=str,
)
def test_invalid_arguments_are_refused_by_keras(options, words):
    with pytest.raises(ValueError, match=rf"{words}"):
        HyperConv2D(**{"filters": 8, "kernel_size": 3, **options})


def test_level_of_wrong_rank_is_refused(features):
    with pytest.raises(ValueError, match=r"\(3, 7, 9, 1\), got \(3, 7\)"):
        HyperConv2D(8, 3)(features, level=np.zeros((3, 7), np.float32))


def test_a_saved_layer_is_loaded_by_its_registered_name(features):
    assert keras.saving.get_registered_object("keras_hyper>HyperConv2D") is HyperConv2D
    options = {
        "filters": 8, "kernel_size": (3, 5), "strides": (2, 1), "padding": "valid",
        "data_format": "channels_last", "dilation_rate": (1, 1), "groups": 2, "use_bias": False,
        "use_offset": False,
    }  # fmt: skip
    layer = HyperConv2D(**options, activation="relu", slope_initializer="ones")
    config = layer.get_config()
    assert {name: config[name] for name in options} == options
    loaded = HyperConv2D.from_config(config)
    assert loaded.get_config() == config and "autocast" not in config
    loaded.build(features.shape)
    assert loaded.bias_w is None and loaded.b is None


@needs_bfloat16
def test_kernel_is_not_rounded_inside_a_layer_of_mixed_precision(features):
    class Outer(keras.layers.Layer):
        def __init__(self):
            super().__init__(dtype="mixed_bfloat16")
            self.conv = HyperConv2D(8, 3, dtype="mixed_bfloat16")

        def call(self, x):
            self.kernel, self.bias = self.conv.kernel_at(1.0), self.conv.bias_at(1.0)
            return self.conv(x, level=1.0)

    outer = Outer()
    outer.conv.build(features.shape)
    # bfloat16 has no number between 1 and 1.0078.
    outer.conv.set_weights([np.full(w.shape, 1.001) for w in outer.conv.get_weights()])
    outer(features)
    assert_close(outer.kernel, 2.002, rtol=1e-6)
    assert_close(outer.bias, 2.002, rtol=1e-6)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_level_may_have_an_axis_of_one(features, data_format):
    first = data_format == "channels_first"
    if first and keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow convolves channels_first on a GPU alone")
    layer = HyperConv2D(3, 3, slope_initializer="ones", data_format=data_format)
    features = np.moveaxis(features, -1, 1) if first else features
    vector = np.float32([0.1, 0.4, 0.9])
    grid = np.linspace(0, 1, 3 * 7 * 9, dtype=np.float32).reshape(3, 7, 9)
    assert_equal(layer(features, vector[:, None]), layer(features, vector))
    column = grid[:, None] if first else grid[..., None]
    assert_equal(layer(features, column), layer(features, grid))


@pytest.mark.parametrize("shape", [(2,), (2, 1), (3, 7, 9), (3, 5, 4), (3, 4, 5, 2)])
def test_level_of_another_batch_or_size_is_refused(features, shape):
    layer = HyperConv2D(3, 3, strides=2)  # (3, 7, 9, 4) -> (3, 4, 5, 3)
    with pytest.raises(ValueError, match=r"\(3, 4, 5\), \(3, 4, 5, 1\), got"):
        layer(features, np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    "options",
    [{}, {"strides": 2}, {"padding": "valid"}, {"dilation_rate": 2}, {"padding": "SAME"}],
)
def test_output_shape_is_known_without_a_call(features, options):
    layer = HyperConv2D(6, 3, **options)
    shape = layer.compute_output_shape(features.shape)
    image, level = keras.Input((7, 9, 4)), keras.Input(())
    symbolic = layer(image, level)
    assert symbolic.shape == (None, *shape[1:])
    assert tuple(layer(features, level=0.5).shape) == shape
    model = keras.Model([image, level], symbolic)
    lines: list[str] = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    assert str((None, *shape[1:])) in "\n".join(lines) and "?" not in "\n".join(lines)


def test_regularizers_and_constraints_act_on_slope_and_offset(features):
    layer = HyperConv2D(
        2,
        3,
        slope_initializer="ones",
        kernel_initializer="ones",
        bias_initializer="ones",
        kernel_regularizer=keras.regularizers.L1(0.5),
        bias_regularizer=keras.regularizers.L1(2.0),
        kernel_constraint="non_neg",
        bias_constraint="non_neg",
    )
    layer(features, level=0.5)
    assert sorted(float(numpy(loss)) for loss in layer.losses) == [0.0, 4.0, 36.0, 36.0]
    assert all(weight.constraint is not None for weight in layer.weights)
    again = HyperConv2D.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_bias_begins_as_its_initializer_says_at_every_level(features):
    for use_offset, level in ((True, 0.0), (True, 0.7), (False, 1.0)):
        layer = HyperConv2D(2, 3, bias_initializer="ones", use_offset=use_offset)
        layer(features, level=level)
        assert_close(layer.bias_at(level), [1.0, 1.0])


def test_sizes_may_be_integers_of_numpy(features):
    layer = HyperConv2D(np.int64(3), np.int32(3), strides=(np.int64(2), np.int64(1)))
    assert tuple(layer(features, level=0.5).shape) == (3, 4, 9, 3)
    assert HyperConv2D.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(
    "policy",
    [
        "float64",
        *(
            pytest.param(name, marks=needs_bfloat16)
            for name in ("mixed_float16", "float16", "mixed_bfloat16")
        ),
    ],
)
@pytest.mark.parametrize("level", [np.float32(0.5), np.float32([0.1, 0.5, 0.9])])
def test_every_precision_of_keras_works(features, policy, level):
    if policy == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX computes in float32 unless its option `jax_enable_x64` is set")
    exact = HyperConv2D(3, 3, slope_initializer="he_normal")
    expected = numpy(exact(features, level=level))
    layer = HyperConv2D(3, 3, dtype=policy)
    layer.build(features.shape)
    layer.set_weights(exact.get_weights())
    outputs = layer(features, level=level)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    error = np.abs(numpy(keras.ops.cast(outputs, "float32")) - expected)
    assert error.max() < 0.05 * np.abs(expected).max()


def gradient(loss, levels):
    """Returns the derivative of a number with respect to levels, as each backend computes it."""
    if keras.backend.backend() == "jax":
        return numpy(importlib.import_module("jax").grad(loss)(ops.convert_to_tensor(levels)))
    if keras.backend.backend() == "torch":
        levels = ops.convert_to_tensor(levels).requires_grad_()
        loss(levels).backward()
        return numpy(levels.grad)
    tf = importlib.import_module("tensorflow")
    levels = tf.constant(levels)
    with tf.GradientTape() as tape:
        tape.watch(levels)
        result = loss(levels)
    return numpy(tape.gradient(result, levels))


def graph(function):
    """Returns a function that the backend traces before it runs."""
    if keras.backend.backend() == "jax":
        return importlib.import_module("jax").jit(function)
    if keras.backend.backend() == "torch":
        return importlib.import_module("torch").compile(function, backend="eager")
    return importlib.import_module("tensorflow").function(function)


def test_gradient_of_equal_levels_is_that_of_each_image(features):
    layer = HyperConv2D(3, 3, slope_initializer="ones")
    layer.build(features.shape)

    def loss(levels):
        return ops.sum(ops.square(layer(features, levels)))

    apart = gradient(loss, np.float32([0.5, 0.5 + 1e-4, 0.5 + 2e-4]))
    assert_close(gradient(loss, np.float32([0.5, 0.5, 0.5])), apart, rtol=1e-2)
    assert np.ptp(apart) > 0.1 * np.abs(apart).max()


def test_a_level_an_image_is_exact_in_a_graph(features):
    layer = filled(HyperConv2D(4, 3), features)
    level = np.float32([0.1, 0.5, 0.9])
    expected = np.concatenate(
        [numpy(layer(features[i : i + 1], level=level[i])) for i in range(3)]  # one kernel an image
    )
    traced = graph(lambda features, level: layer(features, level=level))
    tensors = ops.convert_to_tensor(features), ops.convert_to_tensor(level)
    assert_close(traced(*tensors), expected, atol=1e-4)
