"""Versions whose pictures OpenVINO or ONNX Runtime restores."""

import gc
import logging
import shutil
import time
import weakref

import grpc
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.served import export_tiny
from keras_hyper.errors import WrongArgumentError
from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.models import load_hyper_res, load_level_estimator
from keras_hyper.restoration.engines import ONNX_ENGINES
from keras_hyper.serving.server.errors import ServingError
from keras_hyper.serving.server.version import LoadedVersion, State, Version
from tests.keras_hyper.serving.conftest import MODELS

TINY = MODELS / "denoise_tiny"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The folder of the tiny network with a version."""
    folder = tmp_path_factory.mktemp("models") / "denoise_tiny"
    export_tiny(folder)
    return folder


@pytest.fixture(scope="module")
def version(tiny):
    loaded = LoadedVersion(tiny / "1")
    yield loaded
    loaded.close()


def by_both(version, engine, signature, inputs):
    """The outputs by TensorFlow and by the engine."""
    version.use("tensorflow")
    expected = version.run(signature, inputs)
    version.use(engine)
    assert version.engine == engine
    return expected, version.run(signature, inputs)


def with_estimator(folder, estimator):
    """Exports the tiny network with an estimator, beside its file for the engines."""
    version = export_saved_model(load_hyper_res("denoise_tiny"), folder, estimator=estimator)
    copy_files(TINY, folder)
    return LoadedVersion(version)


def copy_files(source, folder):
    """Copies what lies beside the versions of a model."""
    for name in ("model.onnx", "card.json", "model.keras"):
        shutil.copy(source / name, folder / name)


def pictures(rng):
    return {"image": rng.random((1, 64, 64, 3), np.float32)}


@pytest.mark.parametrize("engine", ONNX_ENGINES)
def test_engine_restores_as_the_graph_does(version, engine, rng):
    image = rng.random((2, 21, 34, 3), np.float32)
    level = np.float32([5, 50])
    expected, found = by_both(version, engine, "serving_default", {"image": image, "level": level})
    np.testing.assert_allclose(found["restored"], expected["restored"], atol=1e-5)
    assert np.abs(found["restored"][0] - found["restored"][1]).max() > 0.1  # each at its level
    one = {"image": image[:1], "level": level}
    expected, found = by_both(version, engine, "sweep", one)
    np.testing.assert_allclose(found["restored"], expected["restored"], atol=1e-5)
    pixels = {"image": np.uint8(image * 255), "level": level}
    expected, found = by_both(version, engine, "serving_uint8", pixels)
    off = np.abs(found["restored"].astype(int) - expected["restored"])
    assert found["restored"].dtype == np.uint8 and off.max() <= 1 and off.mean() < 0.01
    file = tf.io.encode_png(pixels["image"][0]).numpy()
    files = {"image_bytes": np.array([file], object), "level": level[:1]}
    both = by_both(version, engine, "serving_bytes", files)
    files = [tf.io.decode_png(one["restored_bytes"][0]).numpy().astype(int) for one in both]
    assert np.abs(files[0] - found["restored"][0]).max() <= 1
    assert np.abs(files[1] - found["restored"][0]).max() == 0


def test_engine_restores_large_pictures_in_tiles(version, rng):
    image = rng.random((1, 40, 9000, 3), np.float32)
    inputs = {"image": image, "level": np.float32([25])}
    expected, found = by_both(version, "openvino", "serving_default", inputs)
    np.testing.assert_allclose(found["restored"], expected["restored"], atol=1e-5)


@pytest.mark.parametrize(
    "inputs, text",
    [
        ({"image": np.full((1, 8, 8, 3), 3, np.float32)}, "float pixels in [0, 1]"),
        ({"image": np.full((1, 8, 8, 3), np.nan, np.float32)}, "finite"),
        ({"level": np.float32([999])}, "expected levels"),
        ({"level": np.float32([5, 5])}, "as many"),
    ],
)
def test_bad_inputs_are_refused_as_by_the_graph(version, inputs, text):
    version.use("openvino")
    good = {"image": np.zeros((1, 8, 8, 3), np.float32), "level": np.float32([5])}
    with pytest.raises(ServingError, match="assertion failed") as caught:
        version.run("serving_default", good | inputs)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT and text in caught.value.text


def test_auto_restores_at_the_level_that_the_graph_estimates(tmp_path, rng):
    estimator = load_level_estimator("estimate")
    loaded, inputs = with_estimator(tmp_path, estimator), pictures(rng)
    expected, found = by_both(loaded, "openvino", "auto", inputs)
    np.testing.assert_allclose(found["level"], expected["level"], rtol=1e-5)
    np.testing.assert_allclose(found["restored"], expected["restored"], atol=1e-5)
    assert list(loaded.run("auto", inputs, ["level"])) == ["level"]
    loaded.close()


def test_file_of_another_network_is_not_used(tiny, tmp_path, caplog):
    shutil.copytree(tiny / "1", tmp_path / "1")
    copy_files(MODELS / "photo", tmp_path)
    version = Version(1, tmp_path / "1", engine="auto")
    with caplog.at_level(logging.WARNING, "keras_hyper.serving"):
        assert version.load() and version.loaded.engine == "tensorflow"
    assert "TensorFlow runs this version" in caplog.text
    version.loaded.close()
    named = Version(1, tmp_path / "1", engine="openvino")
    assert not named.load() and named.state is State.END
    assert "got a difference of" in named.text


@pytest.mark.parametrize("damage", ["half", "no card", "gray", "estimator"])
def test_file_that_cannot_run_leaves_the_version_to_tensorflow(tiny, tmp_path, caplog, damage):
    shutil.copytree(tiny / "1", tmp_path / "1")
    source = {"gray": MODELS / "denoise_gray", "estimator": MODELS / "estimate"}.get(damage, TINY)
    copy_files(source, tmp_path)
    if damage == "half":
        data = (tmp_path / "model.onnx").read_bytes()
        (tmp_path / "model.onnx").write_bytes(data[: len(data) // 2])
    if damage == "no card":
        (tmp_path / "card.json").write_text("{")
    version = Version(1, tmp_path / "1", engine="auto")
    with caplog.at_level(logging.WARNING, "keras_hyper.serving"):
        assert version.load() and version.loaded.engine == "tensorflow"
    assert "TensorFlow runs this version" in caplog.text
    version.loaded.close()
    named = Version(1, tmp_path / "1", engine="openvino")
    assert not named.load() and str(tmp_path / "model.onnx") in named.text


def test_auto_restores_at_an_estimate_outside_the_unit(tmp_path, rng, monkeypatch):
    estimator = load_level_estimator("estimate")
    # As of a quality a little above 100.
    monkeypatch.setattr(estimator, "over_grid", lambda image: tf.fill((tf.shape(image)[0],), 256.0))
    loaded, inputs = with_estimator(tmp_path, estimator), pictures(rng)
    expected, found = by_both(loaded, "openvino", "auto", inputs)
    np.testing.assert_allclose(found["restored"], expected["restored"], atol=1e-4)
    with pytest.raises(ServingError, match="expected sides of at least"):
        loaded.run("auto", {"image": inputs["image"][:, :4]})
    loaded.close()


def test_auto_has_one_deadline(version, monkeypatch):
    given = []
    version.use("openvino")
    engine = version._engine
    monkeypatch.setattr(
        engine, "restore", lambda image, level, options: given.append(options.timeout_in_ms)
    )

    def estimate(signature, inputs, timeout):
        time.sleep(0.2)
        return {"level": np.float32([5])}

    monkeypatch.setattr(version, "run", estimate)
    version._auto(engine, {"image": None}, ["restored"], 1.0)
    assert 1 <= given[0] <= 801


def test_engine_without_its_file_is_refused(tiny, tmp_path):
    shutil.copytree(tiny / "1", tmp_path / "1")
    loaded = LoadedVersion(tmp_path / "1")
    loaded.use("auto")
    assert loaded.engine == "tensorflow"
    with pytest.raises(WrongArgumentError, match="--format onnx --force writes it"):
        loaded.use("onnxruntime")
    loaded.close()


def test_costs_are_those_of_the_graph(tiny):
    version = Version(1, tiny / "1", engine="openvino")
    assert version.load() and version.loaded.engine == "openvino"
    # An engine's memory is in no trace of TensorFlow: pixels alone would be some 50 bytes.
    assert version.loaded.cost("serving_default").unit > 300
    version.loaded.close()


def test_network_of_a_closed_version_is_freed(tiny):
    version = Version(1, tiny / "1", engine="openvino")
    assert version.load()
    network = weakref.ref(version.loaded._engine.network)
    version.retire()
    assert version.close_if_idle()
    gc.collect()
    assert network() is None
