import json
import os
import shutil
import time

import numpy as np
import pytest
import tensorflow as tf

from keras_hyper.export.saved_model import check_saved_model, export_saved_model, read_warm_up
from keras_hyper.export.session import ServingSession
from tests.conftest import random_estimator, random_network


@pytest.fixture(scope="module")
def model():
    return random_network()


@pytest.fixture(scope="module")
def version(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("denoise")
    return export_saved_model(model, folder, card={"data": "none"})


@pytest.fixture(scope="module")
def session(version):
    with ServingSession(version) as session:
        yield session


def test_signature_names_and_shapes(session):
    names = {"serving_default", "serving_uint8", "serving_bytes", "sweep", "describe"}
    assert set(session.signatures) == names
    for name, batch in (("serving_default", -1), ("serving_uint8", -1), ("sweep", 1)):
        image = session.signatures[name].inputs["image"].tensor_shape
        assert [side.size for side in image.dim] == [batch, -1, -1, 3]


def test_describe_signature_returns_one_card_per_row(version, session):
    answer = session.predict("describe", {"query": np.array([b"", b"whatever"], object)})["card"]
    assert len(answer) == 2 and answer[0] == answer[1]
    assert answer[0].decode() == (version / "assets.extra" / "card.json").read_text()


def test_card_describes_the_export(model, version):
    card = json.loads((version / "assets.extra" / "card.json").read_text())
    assert card["task"] == "denoise" and card["level_range"] == [5, 75] and card["data"] == "none"
    assert card["parameters"] == model.count_params() and card["halo"] == 12


def test_warm_up_requests_run(session, version):
    requests = read_warm_up(version)
    assert set(requests) == set(session.signatures)
    for signature, inputs in requests.items():
        (output,) = session.predict(signature, inputs).values()
        assert len(output) == len(inputs.get("level", "1"))


def test_export_of_one_level_has_no_level_input(model, tmp_path, rng):
    version = export_saved_model(model, tmp_path, level=25.0)
    image = rng.random((2, 7, 9, 3), dtype="float32")
    png = tf.io.encode_png(np.uint8(image[0] * 255)).numpy()
    with ServingSession(version) as session:
        assert "sweep" not in session.signatures
        assert set(session.signatures["serving_default"].inputs) == {"image"}
        restored = session.predict("serving_default", {"image": image})["restored"]
        data = session.predict("serving_bytes", {"image_bytes": np.array([png], object)})
    expected = np.clip(model({"image": image, "level": 25}), 0, 1)
    np.testing.assert_allclose(restored, expected, atol=1e-5)
    assert tf.io.decode_png(data["restored_bytes"][0]).shape == (7, 9, 3)


def test_gray_network_is_exported(tmp_path, rng):
    model = random_network(channels=1)
    image = rng.random((2, 5, 6, 1), dtype="float32")
    level = np.float32([25, 60])
    with ServingSession(export_saved_model(model, tmp_path)) as session:
        restored = session.predict("serving_default", {"image": image, "level": level})["restored"]
    expected = np.clip(model({"image": image, "level": level}), 0, 1)
    np.testing.assert_allclose(restored, expected, atol=1e-5)


def test_versions_increase_and_failed_exports_leave_nothing(model, tmp_path, monkeypatch):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "something").touch()
    (tmp_path / "notes").mkdir()

    def fail(version):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("keras_hyper.export.saved_model.check_saved_model", fail)
        with pytest.raises(OSError, match="no space left"):
            export_saved_model(model, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["7", "notes"]
    assert export_saved_model(model, tmp_path).name == "8"


def test_full_disk_is_an_oserror_and_leaves_nothing(model, tmp_path, monkeypatch):
    def full(*arguments):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(OSError, match="cannot be written: No space left"):
        export_saved_model(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_killed_exports_left_is_removed_by_age(model, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_hyper.export.saved_model._write", lambda *arguments: None)
    monkeypatch.setattr("keras_hyper.export.saved_model.check_saved_model", lambda version: None)
    for name, age in ((".partial-old", 7200), (".partial-new", 60)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    (tmp_path / "20261128021459000001").mkdir()  # not a version
    assert export_saved_model(model, tmp_path).name == "1"
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"1", ".partial-new", "20261128021459000001"}


def test_version_that_does_not_run_is_detected(version, tmp_path):
    broken = tmp_path / "1"
    shutil.copytree(version, broken)
    for part in (broken / "variables").iterdir():
        part.unlink()
    with pytest.raises((OSError, ValueError, tf.errors.OpError)):
        check_saved_model(broken)


def test_estimator_of_another_task_is_refused(model, tmp_path):
    for estimator, words in (
        (random_estimator(channels=1), "with 3 channels, got .* with 1"),
        (random_estimator(task="deblur"), "task 'denoise' .* got one for 'deblur'"),
    ):
        with pytest.raises(ValueError, match=words):
            export_saved_model(model, tmp_path, estimator=estimator)
    with pytest.raises(ValueError, match="no estimator .*, got level=25"):
        export_saved_model(model, tmp_path, level=25.0, estimator=random_estimator())
    assert not list(tmp_path.iterdir())


def test_version_is_readable_by_other_users(version):
    assert version.stat().st_mode & 0o777 == 0o755
