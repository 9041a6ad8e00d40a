"""What Keras users do with any model works with a `HyperRes` and with a hyperized network."""

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

import keras_hyper
from keras_hyper.export.session import ServingSession
from tests.conftest import random_network

CLEAN = np.random.default_rng(0).random((2, 8, 8, 3), dtype="float32")
INPUTS = {"image": CLEAN[::-1], "level": np.float32([10, 60])}


def hyperized():
    cnn = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(4, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(3, 3, padding="same"),
        ]
    )
    model = keras_hyper.hyperize(cnn, (5, 75))
    random = np.random.default_rng(1)
    model.set_weights([random.normal(0, 0.1, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(params=[lambda: random_network(filters=4), hyperized], ids=["HyperRes", "hyperize"])
def model(request):
    return request.param()


def assert_equal(model, other):
    np.testing.assert_allclose(model(INPUTS), other(INPUTS), atol=1e-5)


def test_summary_has_every_layer_with_its_shape(model):
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines)
    assert all(layer.name in text for layer in model.layers) and "?" not in text
    assert f"Total params: {model.count_params():,}" in text


def test_model_is_drawn(model):
    keras.utils.model_to_dot(model, show_shapes=True).to_string()


def test_clone_has_the_structure(model):
    clone = keras.models.clone_model(model)
    if not clone.built:
        clone.build()
    clone.set_weights(model.get_weights())
    assert_equal(model, clone)


def test_config_gives_the_same_model(model):
    again = type(model).from_config(model.get_config())
    if not again.built:
        again.build()
    again.set_weights(model.get_weights())
    assert_equal(model, again)


def test_weights_alone_are_saved_and_loaded(model, tmp_path):
    expected = np.asarray(model(INPUTS))
    model.save_weights(tmp_path / "model.weights.h5")
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    model.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(model(INPUTS), expected)


def test_predict_takes_dicts_and_datasets(model):
    expected = np.asarray(model(INPUTS))
    pairs = tf.data.Dataset.from_tensor_slices(INPUTS).batch(1)
    for inputs in (INPUTS, pairs):
        restored = model.predict(inputs, batch_size=None, verbose=0)
        np.testing.assert_allclose(restored, expected, atol=1e-5)


def test_exported_saved_model_answers_alike(model, tmp_path):
    model.export(tmp_path / "1", verbose=False)
    with ServingSession(tmp_path / "1") as session:
        (output,) = session.predict("serving_default", INPUTS).values()
    np.testing.assert_allclose(output, model(INPUTS), atol=1e-5)


def test_exported_onnx_answers_alike(model, tmp_path):
    expected, path = model(INPUTS), tmp_path / "model.onnx"
    model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, INPUTS)
    np.testing.assert_allclose(output, expected, atol=1e-5)


def test_a_compiled_step_gives_the_same_weights(model):
    before = model.get_weights()

    def step(jit_compile):
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
        model.fit(INPUTS, CLEAN, batch_size=2, verbose=0)
        weights = model.get_weights()
        model.set_weights(before)
        return weights

    compiled, expected = step(True), step(False)
    assert any(np.abs(a - b).max() > 1e-6 for a, b in zip(expected, before, strict=True))
    for ours, theirs in zip(compiled, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("make", [lambda: random_network(filters=4), hyperized])
def test_mirrored_strategy_trains(make):
    with tf.distribute.MirroredStrategy(["/cpu:0"]).scope():
        model = make()
        model.compile("sgd", "mse")
    before = model.get_weights()
    history = model.fit(INPUTS, CLEAN, batch_size=2, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]
    assert any(np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True))


def test_frozen_layers_stay_while_others_are_tuned(model):
    frozen, tuned = [layer for layer in model.layers if layer.weights][:2]
    frozen.trainable = False
    model.compile("sgd", "mse")
    before = frozen.get_weights(), tuned.get_weights()
    model.fit(INPUTS, CLEAN, verbose=0)
    np.testing.assert_equal(frozen.get_weights(), before[0])
    assert any(np.any(a != b) for a, b in zip(tuned.get_weights(), before[1], strict=True))
