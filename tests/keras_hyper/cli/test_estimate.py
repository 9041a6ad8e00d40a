"""`keras-hyper estimate` and `--level auto`, and the paper's commands about estimators."""

import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.paper.__main__ import main as paper_main
from keras_hyper import LevelEstimator, estimate
from keras_hyper.cli import COMMANDS, main
from keras_hyper.models.level_estimator import KNEE
from pipelines import SAMPLE_PICTURES
from tests.conftest import random_estimator, random_network


def constant_estimator(quality):
    """An estimator that returns one quality for every picture."""
    model = random_estimator(task="dejpeg")
    *weights, kernel, bias = model.get_weights()
    model.set_weights([*weights, 0 * kernel, bias * 0 + np.log1p(quality / KNEE)])
    return model


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for name, model in {
        "denoise": random_network(),
        "gray": random_network(channels=1),
        "dejpeg": random_network(task="dejpeg", level_range=(10, 80)),
        "estimate": random_estimator(),
        "quality": constant_estimator(42.4),
        "clean": constant_estimator(99.0),
        "other": random_estimator(task="deblur"),
    }.items():
        (root / name).mkdir()
        model.save(root / name / "model.keras")
    return root


@pytest.fixture
def pictures(tmp_path, rng):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.jpg"):
        pixels = rng.integers(0, 256, (40, 34, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name, **({"quality": 37} if "jpg" in name else {}))
    return folder


def estimate_levels(models, *words, quality="clean"):
    return run("estimate", *words, "--model", models / "estimate", "--quality-model",
               models / quality)  # fmt: skip


def run(*words):
    try:
        return (main if words[0] in COMMANDS else paper_main)([str(word) for word in words])
    except SystemExit as stop:
        return stop.code


def pixels_of(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_files_and_folders_are_estimated(pictures, models, tmp_path, capsys):
    out = tmp_path / "deep" / "levels.json"
    assert estimate_levels(models, pictures, pictures / "a.png", "--json", out) == 0
    output = capsys.readouterr().out
    assert "no JPEG" in output and "37" in output
    rows = json.loads(out.read_text())["rows"]
    assert [row["picture"][-5:] for row in rows] == ["a.png", "b.jpg", "a.png"]
    jpeg = {"quality": 37, "exact": True, "source": "tables"}
    assert [row["jpeg"] for row in rows] == [None, jpeg, None]
    estimator = LevelEstimator.from_config(random_estimator().get_config())
    estimator.build()
    estimator.set_weights(random_estimator().get_weights())
    assert rows[0]["sigma"] == pytest.approx(estimate(pixels_of(pictures / "a.png"), estimator))


def test_json_to_standard_output_prints_only_the_rows(pictures, models, capsys):
    assert estimate_levels(models, pictures, "--json", "-", quality="quality") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["jpeg"]["source"] for row in rows] == ["network", "tables"]
    assert rows[0]["jpeg"] == {"quality": 42, "exact": False, "source": "network"}


def test_every_skipped_picture_is_named(pictures, models, capsys):
    Image.fromarray(np.zeros((9, 40), np.uint8)).save(pictures / "small.png")
    (pictures / "torn.png").write_bytes(b"\x89PNG")
    assert estimate_levels(models, pictures) == 1
    output = " ".join(capsys.readouterr().out.split())
    assert "small.png: expected a picture of at least 16x16" in output and "torn.png: " in output
    assert output.count("skipped: ") == 2


@pytest.mark.parametrize(
    ("words", "status", "output"),
    [
        (["estimate", "nowhere.png"], 2, "no such file: nowhere.png"),
        (["estimate", "IN", "--model", "RESTORER"], 2, "expected a LevelEstimator, got a HyperRes"),
        (
            ["estimate", "IN", "--quality-model", "ESTIMATOR"],
            2,
            "expected an estimator for dejpeg, got one for denoise",
        ),
        (["restore", "IN", "OUT", "--task", "denoise", "--level", "often"], 2, "number or auto"),
        (
            ["evaluate-estimator", "--data", "nowhere", "--model", "ESTIMATOR"],
            2,
            "no such folder: nowhere",
        ),
        (["calibrate", "--task", "dejpeg", "--data", "IN", "--noisy"], 2, "--task dejpeg"),
        (["calibrate", "--task", "denoise", "--data", "IN", "--side", "4"], 2, "12 and 4"),
    ],
    ids=str,
)
def test_wrong_arguments_are_a_one_line_error(
    pictures, models, tmp_path, capsys, words, status, output
):
    places = {"IN": pictures, "OUT": tmp_path / "out"}
    places |= {"RESTORER": models / "denoise", "ESTIMATOR": models / "estimate"}
    assert run(*(places.get(word, word) for word in words)) == status
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and output in error


def restore(pictures, out, models, task, model, estimator="estimate"):
    return run("restore", pictures, out, "--task", task, "--level", "auto", "--model",
               models / model, "--estimator", models / estimator)  # fmt: skip


@pytest.mark.parametrize("model", ["denoise", "gray"])
def test_auto_restores_at_the_estimated_level(pictures, models, tmp_path, capsys, model):
    assert restore(pictures / "a.png", tmp_path / "auto.png", models, "denoise", model) == 0
    output = capsys.readouterr().out
    seen = pixels_of(pictures / "a.png")
    if model == "gray":
        seen = seen / np.float32(255) @ np.float32([0.299, 0.587, 0.114])
    level = estimate(seen, random_estimator())
    assert float(output.split("level ")[1].split()[0]) == pytest.approx(level, rel=5e-3)
    given = ["restore", pictures / "a.png", tmp_path / "given.png", "--task", "denoise"]
    assert run(*given, "--level", level, "--model", models / model) == 0
    given, auto = (pixels_of(tmp_path / name) for name in ("given.png", "auto.png"))
    assert np.abs(given.astype(int) - auto).max() <= 1


def test_auto_restores_jpegs_at_the_quality_of_the_file(pictures, models, tmp_path, capsys):
    assert restore(pictures, tmp_path / "out", models, "dejpeg", "dejpeg", "clean") == 0
    output = capsys.readouterr().out
    assert "b.jpg: level 37 (from the file's tables)" in output
    assert "a.png: unchanged" in output and "1 of 2 restored in " in output
    assert (tmp_path / "out" / "a.png").read_bytes() == (pictures / "a.png").read_bytes()


def test_quality_of_a_jpeg_saved_as_png_is_estimated_from_its_pixels(models, tmp_path, capsys):
    Image.open(SAMPLE_PICTURES / "coffee.png").save(tmp_path / "a.jpg", quality=37)
    Image.open(tmp_path / "a.jpg").save(tmp_path / "a.png")
    dejpeg = "dejpeg", "dejpeg", "quality"
    assert restore(tmp_path / "a.png", tmp_path / "out.png", models, *dejpeg) == 0
    assert "level 37 (from its pixels)" in capsys.readouterr().out
    assert estimate_levels(models, tmp_path / "a.png", quality="quality") == 0
    assert "37, by its pixels" in " ".join(capsys.readouterr().out.split())


def test_network_estimates_if_file_and_pixels_give_no_quality(pictures, models, tmp_path, capsys):
    dejpeg = "dejpeg", "dejpeg", "quality"
    assert restore(pictures, tmp_path / "out", models, *dejpeg) == 0
    output = capsys.readouterr().out
    assert "a.png: level 42 (from the network)" in output
    assert "b.jpg: level 37 (from the file's tables)" in output
    assert estimate_levels(models, pictures / "a.png", quality="quality") == 0
    assert "about 42, by the network" in " ".join(capsys.readouterr().out.split())


def test_auto_needs_an_estimator_of_the_task(pictures, models, tmp_path, capsys):
    (tmp_path / "sr").mkdir()
    random_network(task="sr", level_range=(2, 4)).save(tmp_path / "sr" / "model.keras")
    words = ["restore", pictures, tmp_path / "out", "--task", "sr", "--level", "auto"]
    assert run(*words, "--model", tmp_path / "sr") == 2
    assert "no estimator ships for sr: give its level as a number" in capsys.readouterr().err
    words = ["restore", pictures, tmp_path / "out", "--task", "denoise", "--level", "auto",
             "--model", models / "denoise", "--estimator", models / "other"]  # fmt: skip
    assert run(*words) == 2 and "got one for deblur" in capsys.readouterr().err
    assert restore(pictures, tmp_path / "out", models, "dejpeg", "dejpeg") == 2
    assert "expected an estimator for dejpeg, got one for denoise" in capsys.readouterr().err


def test_evaluate_estimator_writes_its_errors(pictures, models, tmp_path, capsys):
    out = tmp_path / "figures.json"
    words = ["evaluate-estimator", "--data", pictures, "--model", models / "estimate", "--levels",
             "15", "50", "--seeds", "2", "--restorer", models / "denoise", "--blind-levels", "25",
             "--json", out]  # fmt: skip
    assert run(*words) == 0
    output = capsys.readouterr().out
    assert "one crop" in output and "median over the grid" in output and "known" in output
    report = json.loads(out.read_text())
    assert [row["level"] for row in report["one_crop"]] == [15, 50]
    # The pictures are smaller than a crop, so the single crop and the grid are the picture itself.
    assert report["one_crop"][0]["error"] == pytest.approx(report["grid"][0]["error"], rel=1e-3)
    (blind,) = report["blind"]
    assert (
        blind["loss"] == pytest.approx(blind["known"] - blind["estimated"]) and blind["level"] == 25
    )
    words[words.index("--restorer") + 1] = models / "gray"
    assert (
        run(*words) == 2
        and "expected a restorer for denoise with 3 channels" in capsys.readouterr().err
    )


def test_calibrate_works_with_and_without_clean_pictures(pictures, models, tmp_path, capsys):
    found, plot = tmp_path / "found.json", tmp_path / "plots" / "found.png"
    same = ["calibrate", "--task", "denoise", "--data", pictures, "--model", models / "denoise",
            "--side", "16", "--json", found, "--plot", plot]  # fmt: skip
    assert run(*same, "--levels", "20", "60", "--pictures", "1") == 0
    rows = json.loads(found.read_text())["rows"]
    assert [row["level"] for row in rows] == [20, 60]
    assert all(0 <= row["best"] <= 92.5 and 0 <= row["least_risk"] <= 92.5 for row in rows)
    assert all(row["psnr_best"] >= row["psnr_at_level"] - 1e-3 for row in rows)
    assert pixels_of(plot).shape == (720, 720, 4)
    assert run(*same, "--noisy", "--estimator", models / "estimate", "--pictures", "1") == 0
    (row,) = json.loads(found.read_text())["rows"]
    assert row["picture"] == "a.png" and 0 <= row["least_risk"] <= 92.5
    assert "a.png" in capsys.readouterr().out
