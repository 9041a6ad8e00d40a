"""`keras-hyper export --format onnx`."""

import json
import sys

import numpy as np
import onnxruntime
import pytest

from keras_hyper.cli import main
from keras_hyper.restoration.engines import open_onnx
from tests.conftest import random_estimator, random_network


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    random_network().save(path)
    return str(path)


def refused(capsys, *argv):
    assert main(["export", "--format", "onnx", *map(str, argv)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_command_writes_a_file_that_runs_and_prints_its_inputs(model, tmp_path, capsys):
    (tmp_path / "facts.json").write_text('{"data": "six pictures"}')
    out = tmp_path / "denoise"
    argv = ["export", model, str(out), "--format", "onnx", "--card", str(tmp_path / "facts.json")]
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert "model.onnx" in said and "`level`" in said and "[B,H,W,3]" in said
    assert json.loads((out / "card.json").read_text())["data"] == "six pictures"
    image = np.full((1, 3, 5, 3), 0.5, np.float32)
    session = onnxruntime.InferenceSession(out / "model.onnx")
    [restored] = session.run(None, {"image": image, "level": np.array(9, np.float32)})
    assert restored.shape == image.shape
    assert "exists" in refused(capsys, model, out)
    (out / "model.onnx").write_bytes(b"")
    assert main([*argv[:5], "--force"]) == 0
    assert (out / "model.onnx").stat().st_size > 0


def test_estimator_is_written_with_the_hash_of_its_file(tmp_path, capsys):
    random_estimator().save(tmp_path / "model.keras")
    assert "no --level" in refused(capsys, tmp_path, tmp_path, "--level", "3")
    assert main(["export", str(tmp_path), str(tmp_path), "--format", "onnx"]) == 0
    assert "output: `level`" in capsys.readouterr().out
    assert open_onnx(str(tmp_path), "onnxruntime") == (tmp_path / "model.onnx", "onnxruntime")


def test_export_of_one_level(model, tmp_path, capsys):
    argv = ["export", model, str(tmp_path), "--format", "onnx", "--level", "25"]
    assert main(argv) == 0
    assert "`level`" not in capsys.readouterr().out
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert [each.name for each in session.get_inputs()] == ["image"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--estimator", "estimate"], "no --estimator"),
        (["--precision", "bfloat16"], "float32"),
        (["--level", "-3"], "noise sigma"),
        (["--card", "nowhere.json"], "expected a dict as JSON in nowhere.json"),
    ],
    ids=["estimator", "precision", "level", "card"],
)
def test_wrong_arguments_are_a_one_line_error(model, tmp_path, capsys, more, said):
    assert said in refused(capsys, model, tmp_path / "new", *more)
    assert not (tmp_path / "new").exists()


def test_missing_package_is_a_one_line_error(model, tmp_path, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "keras_hyper.export.onnx", raising=False)
    monkeypatch.delattr("keras_hyper.export.onnx", raising=False)
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    assert "pip install '.[onnx]'" in refused(capsys, model, tmp_path / "new")
