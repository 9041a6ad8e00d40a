"""Networks as a reader of keras.io writes them become adaptive, and plain again."""

import functools

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_hyper
from keras_hyper.export.session import ServingSession
from keras_hyper.layers import DepthToSpace, GeneratedLayer
from keras_hyper.models import HyperModel
from keras_hyper.models.hyperize import GENERATED
from tests.conftest import assert_close, assert_equal, needs_bfloat16, numpy


def super_resolution():
    """As EDSR: residual blocks and a pixel shuffle, for any size."""
    image = keras.Input((None, None, 3), name="low_resolution")
    x = head = layers.Conv2D(4, 3, padding="same")(image)
    for _ in range(2):
        y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
        x = layers.Add()([x, layers.Conv2D(4, 3, padding="same")(y)])
    x = layers.Conv2D(12, 3, padding="same")(x + head)
    return keras.Model(image, DepthToSpace(2)(x))


def low_light():
    """As Zero-DCE: separable convolutions estimate curves that are applied several times."""
    image = keras.Input((16, 16, 3))
    first = layers.SeparableConv2D(4, 3, padding="same", activation="relu")(image)
    second = layers.SeparableConv2D(4, 3, padding="same", activation="relu", use_bias=False)(first)
    both = layers.Concatenate()([first, second])
    curves = layers.Conv2D(6, 3, padding="same", activation="tanh")(both)
    x = image
    for curve in ops.split(curves, 2, axis=-1):
        x = x + curve * (ops.square(x) - x)
    return keras.Model(image, x)


def u_net():
    """A U-Net whose encoder is a nested model, with a layer that runs twice."""
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, padding="same")(image)
    x = skip = layers.ReLU()(layers.BatchNormalization()(x))
    encoder = keras.Model(image, [layers.MaxPooling2D()(x), skip], name="encoder")
    image = keras.Input((16, 16, 3), name="photo")
    x, skip = encoder(image)
    twice = layers.Conv2D(4, 3, padding="same", activation="relu", name="twice")
    x = layers.Conv2DTranspose(4, 2, strides=2)(layers.Dropout(0.5)(twice(twice(x))))
    return keras.Model(image, layers.Conv2D(3, 1)(layers.Concatenate()([x, skip])))


def sequential():
    return keras.Sequential(
        [keras.Input((16, 16, 3)), layers.DepthwiseConv2D(3), layers.Conv2D(4, 3, groups=1)]
    )


def mobile_net():
    """The first blocks of a network of keras.applications."""
    whole = keras.applications.MobileNet((32, 32, 3), 0.25, include_top=False, weights=None)
    return keras.Model(whole.input, whole.get_layer("conv_pw_2_relu").output, name="mobile_net")


NETWORKS = (super_resolution, low_light, u_net, sequential, mobile_net)


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda make: make.__name__)
def network(request):
    return request.param()


@pytest.fixture
def image(rng):
    return rng.random((2, 16, 16, 3), dtype="float32")


def generated(model):
    nested = [generated(layer) for layer in model.layers if isinstance(layer, keras.Model)]
    own = [layer for layer in model.layers if isinstance(layer, GeneratedLayer)]
    return sum(nested, own)


def with_slopes(model, scale=0.1):
    """Gives all generated layers slopes other than zero."""
    rng = np.random.default_rng(3)
    for layer in generated(model):
        for weight in layer.weights:
            if weight.name.endswith("w"):
                weight.assign(rng.normal(0, scale, weight.shape))
    return model


def test_begins_as_the_network_it_was_and_has_a_plain_network_at_every_level(network, rng):
    side = 32 if "mobile" in network.name else 16
    image = rng.random((2, side, side, 3), dtype="float32")
    before = network.get_weights()
    expected = numpy(network(image))
    model = keras_hyper.hyperize(network, (5, 90))
    assert isinstance(model, HyperModel) and model.level_range == (5.0, 90.0)
    for level in (25.0, np.float32([5, 90])):
        assert_close(model({"image": image, "level": level}), expected, atol=1e-6)
    with_slopes(model)
    plain = model.at_level(60)
    assert not generated(plain) and plain.count_params() == network.count_params()
    restored = numpy(plain(image))
    at_60 = numpy(model({"image": image, "level": 60.0}))
    # In another order of summation.
    assert_close(restored, at_60, atol=1e-5 * max(1, np.abs(at_60).max()))
    assert np.abs(restored - expected).max() > 1e-3 * np.abs(expected).max()
    mixed = numpy(model({"image": image, "level": np.float32([60, 10])}))
    assert_close(mixed[0], restored[0], atol=1e-5 * max(1, np.abs(at_60).max()))
    assert_equal(network.get_weights()[0], before[0])


def test_all_convolutions_are_generated_and_nothing_else():
    kinds = {type(layer) for make in NETWORKS for layer in generated(keras_hyper.hyperize(make()))}
    assert kinds == {kind for plain, kind in GENERATED.items() if plain is not layers.Dense}


def test_shared_layers_stay_shared_and_nested_models_nested(image):
    model = keras_hyper.hyperize(u_net(), (5, 90))
    assert len(generated(model)) == 4 and len(generated(model.get_layer("encoder"))) == 1
    model.get_layer("encoder").trainable = False
    frozen = [numpy(weight) for weight in model.get_layer("encoder").weights[:2]]
    model.compile("sgd", "mse")
    level = np.float32([10, 80])
    before = model.evaluate({"image": image, "level": level}, image, verbose=0)
    model.fit({"image": image, "level": level}, image, epochs=3, verbose=0)
    assert model.evaluate({"image": image, "level": level}, image, verbose=0) < before
    assert np.abs(numpy(model.get_layer("twice").w)).max() > 0
    for weight, value in zip(model.get_layer("encoder").weights, frozen, strict=False):
        assert_equal(weight, value)


def test_saved_and_cloned_models_are_the_same(image, tmp_path):
    model = with_slopes(keras_hyper.hyperize(u_net(), [(0, 50), (10, 100)]))
    inputs = {"image": image, "level": np.float32([[15, 40], [50, 90]])}
    expected = numpy(model(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, HyperModel) and np.ravel(loaded.level_range).tolist() == [
        0,
        50,
        10,
        100,
    ]
    assert_equal(loaded(inputs), expected)
    assert_close(
        loaded.at_level([15, 40])(image)[0], expected[0], atol=1e-5 * np.abs(expected).max()
    )
    copy = keras.models.clone_model(loaded)
    copy.set_weights(model.get_weights())
    assert_equal(copy(inputs), expected)


def test_several_axes_add_their_kernels(image):
    model = with_slopes(keras_hyper.hyperize(super_resolution(), [(0, 50), (10, 100)]))
    layer = generated(model)[0]
    w, b = numpy(layer.w), numpy(layer.b)
    assert w.shape == (2, 3, 3, 3, 4) and b.shape == (3, 3, 3, 4)
    expected = 0.5 * w[0] - 0.25 * w[1] + b
    assert_close(layer.kernel_at([0.5, -0.25]), expected, atol=1e-6)
    one = model({"image": image, "level": [15, 40]})
    assert_close(model.at_level([15, 40])(image), one, atol=1e-5)
    predicted = model.predict({"image": image, "level": [15, 40]}, verbose=0)
    assert_close(predicted, one, atol=1e-5)
    with pytest.raises(ValueError, match="each of 2 axes, got 15"):
        model.at_level(15)


def test_where_chooses_the_layers():
    network = keras.Sequential(
        [keras.Input((4, 4, 2)), layers.Conv2D(3, 3, name="first"), layers.Conv2D(3, 2),
         layers.Flatten(), layers.Dense(2, name="last")]
    )  # fmt: skip

    def names(where):
        model = keras_hyper.hyperize(network, (5, 90), where)
        assert model({"image": np.ones((2, 4, 4, 2)), "level": 7}).shape == (2, 2)
        return [layer.name for layer in generated(model)]

    assert len(names(None)) == 2
    assert names(["first", layers.Dense]) == ["first", "last"]
    assert names(lambda layer: layer.name != "first")[-1] == "last"
    with pytest.raises(ValueError, match=r"can be generated, got \['flat'\]"):
        names(["first", "flat"])
    with pytest.raises(
        ValueError, match="expected at least one chosen layer of Conv2D, .* got none"
    ):
        names(lambda layer: False)


@pytest.mark.parametrize("where", ["conv2d", layers.Conv2D], ids=["name", "class"])
def test_where_may_be_one_name_or_class(where):
    network = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(3, 3, name="conv2d"), layers.DepthwiseConv2D(3)]
    )
    model = keras_hyper.hyperize(network, (5, 75), where)
    generated = [layer.name for layer in model.layers if isinstance(layer, GeneratedLayer)]
    assert generated == ["conv2d"]


@pytest.mark.parametrize("axes", [1, 2])
def test_inputs_of_other_names_or_levels_are_refused(axes, rng):
    network = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(3, 3)])
    model = keras_hyper.hyperize(network, np.float32([[5, 75], [0, 1]][:axes]))
    image, levels = rng.random((2, 8, 8, 3), np.float32), rng.random((2, axes), np.float32)
    expected = model.predict({"image": image, "level": levels}, verbose=0)
    column = levels if axes > 1 else levels[:, 0].tolist()
    for level in (column, levels.tolist()):
        assert_close(model({"image": image, "level": level}), expected, atol=1e-6)
        restored = model.predict({"image": image.tolist(), "level": level}, verbose=0)
        assert_close(restored, expected, atol=1e-6)
    one = model({"image": image, "level": levels[:1]})
    restored = model.predict({"image": image, "level": levels[:1]}, verbose=0)
    assert_close(restored, one, atol=1e-6)
    assert model({"image": image[:0], "level": levels[:0]}).shape == (0, 6, 6, 3)
    predict = functools.partial(model.predict, verbose=0)
    for call in (model, predict):
        for inputs in ({"image": image}, {"image": image, "level": levels, "mask": 1.0}):
            with pytest.raises(ValueError, match="expected a dict of image, level, got image"):
                call(inputs)
    three = np.ones((3, *levels.shape[1:]))
    with pytest.raises(ValueError, match="expected a level for each of 2 images, got 3"):
        predict({"image": image, "level": three})
    if axes > 1:
        for call, level in ((predict, 15), (predict, [15]), (model, [15]), (model, levels[:, :1])):
            with pytest.raises(ValueError, match="expected 2 numbers for each level, got"):
                call({"image": image, "level": level})


def test_several_inputs_and_outputs_keep_their_names(image, rng):
    photo, depth = keras.Input((16, 16, 3), name="photo"), keras.Input((16, 16, 1), name="depth")
    x = layers.Conv2D(4, 3)(layers.Concatenate()([photo, depth]))
    network = keras.Model([photo, depth], {"sharp": x, "mean": ops.mean(x, axis=(1, 2))})
    model = with_slopes(keras_hyper.hyperize(network, (5, 90)))
    inputs = {"photo": image, "depth": image[..., :1]}
    together = model({**inputs, "level": 20})
    plain = model.at_level(20)(inputs)
    assert set(together) == set(plain) == {"sharp", "mean"}
    assert_close(plain["sharp"], together["sharp"], atol=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: keras_hyper.HyperRes(blocks=1), "expected a functional or built Sequential"),
        (lambda: keras.Sequential([layers.Conv2D(3, 3)]), "expected a functional or built"),
        (lambda: keras_hyper.hyperize(sequential()), "of other names than `level`"),
    ],
)
def test_other_models_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        keras_hyper.hyperize(make(), (5, 90))


@pytest.mark.parametrize("level_range", [(90, 5), (5,), 75, [(0, 1), (2, 2)]], ids=str)
def test_ranges_must_ascend(level_range):
    with pytest.raises(ValueError, match="`level_range` of a lowest and a highest level, got"):
        keras_hyper.hyperize(sequential(), level_range)


@needs_bfloat16
def test_mixed_precision_stays(image):
    image16 = keras.Input((16, 16, 3))
    network = keras.Model(image16, layers.Conv2D(4, 3, dtype="mixed_bfloat16")(image16))
    model = keras_hyper.hyperize(network, (5, 90))
    output = model({"image": image, "level": 7})
    assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert_close(
        numpy(ops.cast(output, "float32")), numpy(ops.cast(network(image), "float32")), atol=1e-2
    )
    plain = model.at_level(7)(image)
    assert keras.backend.standardize_dtype(plain.dtype) == "bfloat16"


@pytest.mark.skipif(
    keras.backend.backend() == "torch",
    reason="under PyTorch Keras exports no model whose inputs are a dict",
)
def test_export_is_served(image, tmp_path):
    model = with_slopes(keras_hyper.hyperize(super_resolution(), (5, 90)))
    model.export(tmp_path / "1", verbose=False)
    level = np.float32([10, 80])
    with ServingSession(tmp_path / "1") as session:
        (output,) = session.predict("serving_default", {"image": image, "level": level}).values()
    assert_close(output, model({"image": image, "level": level}), atol=1e-5)
