"""A user's own Keras model as the network of a task."""

import keras
import numpy as np
import pytest

from keras_hyper.models import CustomRes
from keras_hyper.models.custom_res import margin_of
from keras_hyper.restoration.tiles import restore_in_tiles

FACTS = {"task": "denoise", "unit": "sigma", "level_range": (5, 75), "level_offset": 40}


def unet(channels=3):
    """Conv 3, down by 2, conv 5, up by 2, sum: outputs depend on few pixels around."""
    image = keras.Input((None, None, channels), name="photo")
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    y = keras.layers.Conv2D(4, 2, strides=2, padding="same")(x)
    y = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 5, padding="same")(y))
    y = keras.layers.UpSampling2D()(y)
    x = keras.layers.Conv2D(channels, 3, padding="same")(keras.layers.Add()([x, y]))
    return keras.Model(image, keras.layers.Add()([image, x]))


@pytest.fixture(scope="module")
def network():
    return unet()


@pytest.fixture(scope="module")
def model(network):
    """Begins as the network; then its slopes are random."""
    model = CustomRes.from_network(network, level_scale=35, **FACTS)
    random = np.random.default_rng(1)
    for weight in model.trainable_weights:
        if weight.name.endswith("w"):
            weight.assign(random.normal(0, 0.1, weight.shape))
    return model


def images(rng, *shape):
    return rng.random((*shape, 3), dtype="float32")


def test_begins_equal_to_the_network_at_sizes_of_its_multiple(network, rng):
    model = CustomRes.from_network(network, level_scale=35, **FACTS)
    image = images(rng, 2, 12, 16)
    for level in (5.0, [5.0, 75.0]):
        restored = model({"image": image, "level": level})
        np.testing.assert_allclose(restored, network(image), atol=1e-6)
    assert model({"image": image[:, :7, :9], "level": 5.0}).shape == (2, 7, 9, 3)


def test_one_level_and_a_vector_of_it_agree(model, rng):
    image, levels = images(rng, 3, 8, 10), np.float32([10, 30, 70])
    each = [model({"image": image[i : i + 1], "level": level})[0] for i, level in enumerate(levels)]
    inputs = {"image": image, "level": levels}
    for restored in (model(inputs), model.infer(inputs), model.predict(inputs, verbose=0)):
        np.testing.assert_allclose(restored, np.stack(each), atol=1e-5)
    swept = [model({"image": image[:1], "level": level})[0] for level in levels]
    np.testing.assert_allclose(model.sweep(image[:1], levels), np.stack(swept), atol=1e-5)
    assert np.abs(np.diff(swept, axis=0)).max() > 1e-2


def test_plain_network_of_a_level(model, rng):
    image = images(rng, 1, 9, 11)
    plain = model.at_level(30)
    np.testing.assert_allclose(plain(image), model({"image": image, "level": 30.0}), atol=1e-5)
    assert plain.count_params() < model.count_params()


def test_tiles_with_the_measured_margin_equal_the_whole(model, rng):
    picture = rng.integers(0, 256, (50, 70, 3), dtype=np.uint8)

    def run(image, level):
        return np.asarray(model({"image": image[None], "level": level}))[0]

    whole = restore_in_tiles(picture, 30, model, run, tile=512)
    parts = restore_in_tiles(picture, 30, model, run, tile=16)
    assert np.abs(whole.astype(int) - parts).max() <= 1
    assert model.halo >= 2 * 2 + 1 + 1 + 1 and model.multiple == 2


def test_map_of_levels_is_refused(model, rng):
    with pytest.raises(ValueError, match="got a map of levels"):
        model({"image": images(rng, 1, 8, 8), "level": np.ones((1, 8, 8), "float32")})


def convolutions(count, kernel=3):
    layers = [keras.layers.Conv2D(3, kernel, padding="same") for _ in range(count)]
    return keras.Sequential([keras.Input((None, None, 3)), *layers])


@pytest.mark.parametrize(("count", "kernel", "margin"), [(1, 1, 0), (1, 3, 2), (20, 3, 20)])
def test_margin_of_convolutions_is_exact(count, kernel, margin):
    assert margin_of(convolutions(count, kernel)) == (margin, 1)


@pytest.mark.parametrize("factor", [4, 8, 16, 32])
def test_sides_are_multiples_of_what_the_network_shrinks_by(factor):
    layers = [keras.layers.AveragePooling2D(factor), keras.layers.UpSampling2D(factor)]
    network = keras.Sequential([keras.Input((None, None, 3)), *layers])
    assert margin_of(network) == (factor, factor)


def fixed_size():
    return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 1)])


def smaller():
    return keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(3, 3)])


def whole_image():
    image = keras.Input((None, None, 3))
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(image)
    x = keras.layers.Conv2D(3, 1)(keras.layers.Multiply()([image, gate]))
    return keras.Model(image, x)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (fixed_size, "one input"),
        (smaller, "the size of its input"),
        (whole_image, "depend on less than 2048 pixels"),
    ],
)
def test_network_of_another_form_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        margin_of(make())


def test_two_axes(network, rng):
    model = CustomRes.from_network(network, axes=("noise", "jpeg"), level_scale=(25, 45))
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.1, weight.shape))
    image = rng.random((2, 8, 8, network.inputs[0].shape[-1]), dtype="float32")
    expected = model({"image": image, "level": [15, 40]})
    np.testing.assert_allclose(model.at_level((15, 40))(image), expected, atol=1e-5)
    rows = model({"image": image, "level": np.float32([[15, 40]] * 2)})
    np.testing.assert_allclose(rows, expected, atol=1e-5)
    swept = model.sweep(image[:1], [[15, 40], [0, 0]])
    np.testing.assert_allclose(swept[0], expected[0], atol=1e-5)
