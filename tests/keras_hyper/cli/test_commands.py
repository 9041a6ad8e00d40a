"""The commands, called through `main`, and once from a shell."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from keras_hyper.cli import main
from tests.conftest import ROOT, random_network


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    random_network().save(path)
    return str(path)


@pytest.fixture(scope="module")
def sr_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("sr") / "model.keras"
    random_network(task="sr", level_range=(2, 4)).save(path)
    return str(path)


@pytest.fixture
def pictures(tmp_path, rng):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.jpg"):
        pixels = rng.integers(0, 256, (16, 18, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def denoise(source, out, model, *more):
    return main(["restore", str(source), str(out), "--task", "denoise", "--level", "25",
                 "--model", model, *more])  # fmt: skip


def wrong(capsys, call):
    """Runs a command with wrong arguments; returns its error."""
    try:
        status = call()
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert status == 2 and error.count("\n") == 1 and "Traceback" not in error
    return error


def size_of(path):
    with Image.open(path) as picture:
        return picture.size


def test_restore_writes_a_file(pictures, model, tmp_path, capsys):
    out = tmp_path / "out.png"
    assert denoise(pictures / "a.png", out, model) == 0
    assert size_of(out) == (18, 16)
    assert "1 of 1 restored" in capsys.readouterr().out


def test_restore_writes_a_folder_with_the_same_tree(pictures, model, tmp_path):
    assert denoise(pictures, tmp_path / "out", model) == 0
    found = {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")
    }
    assert found == {"a.png", "deep/b.jpg"}


def test_damaged_file_is_refused_and_named(pictures, model, tmp_path, capsys):
    (pictures / "bad.png").write_text("no picture")
    assert denoise(pictures, tmp_path / "out", model) == 1
    output = capsys.readouterr().out
    assert "2 of 3 restored" in output and "refused: " in output and "bad.png" in output


def test_nothing_is_overwritten_without_force(pictures, model, tmp_path, capsys):
    out = tmp_path / "out.png"
    out.write_text("precious")
    assert "--force" in wrong(capsys, lambda: denoise(pictures / "a.png", out, model))
    assert out.read_text() == "precious"
    assert denoise(pictures / "a.png", out, model, "--force") == 0
    assert size_of(out) == (18, 16)


def test_super_resolution_enlarges_unless_the_size_is_the_same(pictures, sr_model, tmp_path):
    def call(out, *more):
        return main(["restore", str(pictures / "a.png"), str(tmp_path / out), "--task", "sr",
                     "--level", "2.5", "--model", sr_model, *more])  # fmt: skip

    assert call("large.png") == 0 and call("same.png", "--same-size") == 0
    assert size_of(tmp_path / "large.png") == (45, 40)
    assert size_of(tmp_path / "same.png") == (18, 16)


def test_level_outside_the_range_is_restored_with_a_warning(pictures, model, tmp_path, capsys):
    assert main(["restore", str(pictures / "a.png"), str(tmp_path / "o.png"), "--task", "denoise",
                 "--level", "110", "--model", model]) == 0  # fmt: skip
    assert "level 110 is outside the range trained on, 5 to 75" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--level": "-3"}, "got -3"),
        ({"--level": "nan"}, "got nan"),
        ({"--level": "much"}, "'much'"),
        ({"--task": "paint"}, "'paint'"),
        ({"--task": "sr"}, "from 1 to 8, got 25"),
        ({"--task": "sr", "--level": "2"}, "expected a model for sr, got one for denoise"),
        ({"--model": "nowhere.keras"}, "no such file: nowhere.keras"),
        ({"IN": "nowhere.png"}, "no such file: nowhere.png"),
        ({"OUT": "out.xyz"}, "suffix"),
    ],
    ids=str,
)
def test_wrong_arguments_are_a_one_line_error_with_status_2(
    change, words, pictures, model, tmp_path, capsys
):
    options = {"--level": "25", "--task": "denoise", "--model": model, **change}
    source = options.pop("IN", str(pictures / "a.png"))
    out = options.pop("OUT", "out.png")
    flat = [word for pair in options.items() for word in pair]
    assert words in wrong(capsys, lambda: main(["restore", source, str(tmp_path / out), *flat]))


def test_input_and_output_must_differ(pictures, model, capsys):
    one = pictures / "a.png"
    assert "same file" in wrong(capsys, lambda: denoise(one, one, model, "--force"))
    assert "same folder" in wrong(capsys, lambda: denoise(pictures, pictures, model, "--force"))
    assert "expected a folder to write to" in wrong(capsys, lambda: denoise(pictures, one, model))


def test_single_damaged_file_is_a_failed_job(model, tmp_path, capsys):
    (tmp_path / "bad.png").write_text("no picture")
    assert denoise(tmp_path / "bad.png", tmp_path / "out.png", model) == 1
    error = capsys.readouterr().err
    assert error.startswith("keras-hyper: ") and "bad.png" in error and error.count("\n") == 1


def test_model_of_another_class_is_refused(pictures, tmp_path, capsys):
    other = tmp_path / "other.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(other)
    garbage = tmp_path / "garbage.keras"
    garbage.write_text("no model")
    for path, words in ((other, "expected a HyperRes"), (garbage, "cannot be loaded")):
        output = wrong(capsys, lambda: denoise(pictures / "a.png", tmp_path / "o.png", str(path)))  # noqa: B023
        assert words in output


def test_export_writes_a_version_and_prints_how_to_serve_it(model, tmp_path, capsys):
    card = tmp_path / "card.json"
    card.write_text('{"data": "six pictures"}')
    argv = ["export", model, str(tmp_path / "denoise"), "--level", "25", "--card", str(card)]
    assert main(argv) == 0
    assert "MODEL_NAME=denoise" in capsys.readouterr().out
    written = tmp_path / "denoise" / "1" / "assets.extra" / "card.json"
    assert json.loads(written.read_text())["data"] == "six pictures"
    card.write_text("[")
    assert "expected a dict as JSON in" in wrong(capsys, lambda: main(argv))
    assert (tmp_path / "denoise" / "1" / "saved_model.pb").exists()
    assert "such file: nothing" in wrong(capsys, lambda: main(["export", "nothing", str(tmp_path)]))


def test_converted_network_loads(shared, tmp_path, capsys):
    pytest.importorskip("torch", reason="PyTorch is needed for `keras-hyper convert` alone")
    source = str(shared / "parity" / "official_gray_1block.pth")
    out = tmp_path / "gray.keras"
    assert main(["convert", source, str(out)]) == 0
    assert "370,497 parameters" in capsys.readouterr().out
    assert keras.models.load_model(out).channels == 1
    assert "--force" in wrong(capsys, lambda: main(["convert", source, str(out)]))
    assert "ends in .keras" in wrong(capsys, lambda: main(["convert", source, "out.h5"]))
    assert "no such file: nowhere.pth" in wrong(
        capsys, lambda: main(["convert", "nowhere.pth", "o.keras"])
    )


def test_debug_shows_the_traceback(model, tmp_path):
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"bad\.png"):
        denoise(tmp_path / "bad.png", tmp_path / "out.png", model, "--debug")


def test_module_and_help_run_in_a_shell():
    done = subprocess.run(
        [sys.executable, "-m", "keras_hyper", "restore", "--help"],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    # The newest TensorFlow prints these at every log level.
    of_tensorflow = ("I0000 ", "WARNING: All log messages before absl::InitializeLog()")
    output = [line for line in done.stderr.splitlines() if not line.startswith(of_tensorflow)]
    assert "--level" in done.stdout and output == []
