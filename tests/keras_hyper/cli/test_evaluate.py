"""`keras-hyper evaluate`."""

import json
import sys
import types

import numpy as np
import pytest
from PIL import Image

from keras_hyper.cli import main
from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.restoration.restorer import open_restorer
from tests.conftest import random_network


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Colour and gray for denoise, one for sr, an export of the first and one of level 25."""
    folder = tmp_path_factory.mktemp("models")
    for name, facts in (("colour", {}), ("gray", {"channels": 1}),
                        ("dejpeg", {"channels": 1, "task": "dejpeg", "level_range": (10, 80)}),
                        ("sr", {"task": "sr", "level_range": (2, 4)})):  # fmt: skip
        (folder / name).mkdir()
        random_network(**facts).save(folder / name / "model.keras")
    export_saved_model(random_network(), folder / "served")
    export_saved_model(random_network(), folder / "plain", level=25.0)
    return folder


@pytest.fixture
def pictures(tmp_path, rng):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, shape in (("a.png", (25, 18, 3)), ("b.png", (22, 31, 3))):
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(folder / name)
    return folder


def evaluate(pictures, *more, task="denoise"):
    return main(["evaluate", "--task", task, "--data", str(pictures), *map(str, more)])


def wrong(capsys, *call, **task):
    try:
        status = evaluate(*call, **task)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert status == 2 and error.count("\n") == 1 and "Traceback" not in error
    return error


def test_written_rows_equal_the_printed_rows(pictures, models, tmp_path, capsys):
    report = tmp_path / "rows.json"
    assert (
        evaluate(pictures, "--levels", 15, 50, "--model", models / "colour", "--json", report) == 0
    )
    written, printed = json.loads(report.read_text()), capsys.readouterr().out
    assert written["task"] == "denoise" and "even sides" in written["protocol"]
    assert [row["level"] for row in written["rows"]] == [15, 50]
    assert "paper: RGB" in printed
    for row in written["rows"]:
        assert row["pictures"] == 2 and row["set"] == "photos"
        assert row["psnr_gain"] == pytest.approx(row["psnr_after"] - row["psnr_before"])
        assert {"ssim_before", "ssim_after", "seconds_per_picture"} <= set(row)
        assert f"{row['psnr_before']:.2f}" in printed and f"{row['psnr_after']:.2f}" in printed


def test_out_writes_tables_and_plots(pictures, models, tmp_path):
    out = tmp_path / "out"
    assert evaluate(pictures, "--levels", "paper", "--model", models / "colour", "--out", out) == 0
    assert {path.name for path in out.iterdir()} == {
        "figures.jsonl", "pictures.csv", "psnr.png", "psnr.svg", "report.json", "report.md",
    }  # fmt: skip
    page = (out / "report.md").read_text()
    assert "outside the range trained on" in page and "| mean |" in page
    assert "keras-hyper evaluate --task denoise" in page and "--levels paper" in page
    assert len((out / "pictures.csv").read_text().splitlines()) == 1 + 2 * 5


@pytest.fixture
def restored(monkeypatch):
    """Records the levels that pictures are restored at; interrupts the run after `stop_at`."""
    levels = []

    def watched(*words):
        restorer = open_restorer(*words)

        original = restorer.restore_image

        def restore_image(picture, level):
            if len(levels) == getattr(watched, "stop_at", None):
                raise KeyboardInterrupt
            levels.append(level)
            return original(picture, level)

        restorer.restore_image = restore_image
        return restorer

    monkeypatch.setattr("keras_hyper.restoration.restorer.open_restorer", watched)
    return levels, watched


def test_interrupted_run_is_resumed(pictures, models, tmp_path, restored, capsys):
    levels, watched = restored
    call = ("--levels", 15, 25, 50, "--model", models / "colour", "--out", tmp_path / "out")
    watched.stop_at = 5
    assert evaluate(pictures, *call) == 130
    kept = (tmp_path / "out" / "figures.jsonl").read_text().count("\n")
    assert 2 <= kept <= 5 and "interrupted" in capsys.readouterr().err
    del watched.stop_at, levels[:]
    assert evaluate(pictures, *call, "--resume") == 0
    assert len(levels) == 6 - kept
    assert len(json.loads((tmp_path / "out" / "report.json").read_text())["pictures"]) == 6


def test_figures_of_other_settings_are_not_reused(pictures, models, tmp_path, restored):
    restored, _ = restored
    out = tmp_path / "out"
    common = ("--model", models / "colour", "--out", out)
    assert evaluate(pictures, "--levels", 15, *common) == 0
    first = json.loads((out / "report.json").read_text())
    assert evaluate(pictures, "--levels", 15, 25, *common, "--resume") == 0
    assert restored == [15, 15, 25, 25]
    assert json.loads((out / "report.json").read_text())["rows"][0] == first["rows"][0]
    # Another seed, other pixels, another network.
    evaluate(pictures, "--levels", 15, *common, "--resume", "--seed", 1)
    Image.new("RGB", (31, 22), "red").save(pictures / "b.png")
    evaluate(pictures, "--levels", 15, *common, "--resume")
    evaluate(pictures, "--levels", 15, "--model", models / "gray", "--out", out, "--resume")
    assert restored[4:] == [15, 15, 15, 15, 15]


def test_degraded_only_needs_no_model(pictures, tmp_path):
    report = tmp_path / "rows.json"
    assert evaluate(pictures, "--degraded-only", "--protocol", "literature", "--levels", 3,
                    "--json", report, task="sr") == 0  # fmt: skip
    written = json.loads(report.read_text())
    assert written["model"] is None and "psnr_after" not in written["rows"][0]


def test_further_metrics_are_measured(pictures, models, tmp_path):
    report = tmp_path / "rows.json"
    evaluate(pictures, "--levels", 15, "--model", models / "colour", "--metrics", "psnr-b",
             "--json", report)  # fmt: skip
    row = json.loads(report.read_text())["rows"][0]
    assert {"psnr_b_after", "psnr_after", "ssim_after"} <= set(row)


def test_every_form_of_a_model_has_the_same_figures(pictures, models, tmp_path):
    rows = []
    for model in ("served", "served/1", "colour", "colour/model.keras"):
        report = tmp_path / "rows.json"
        evaluate(pictures, "--levels", 25, "--model", models / model, "--protocol", "literature",
                 "--json", report)  # fmt: skip
        rows.append(json.loads(report.read_text())["rows"][0])
    for row in rows:
        assert row["psnr_after"] == pytest.approx(rows[0]["psnr_after"], abs=1e-3)


def test_export_of_one_level_is_measured_at_that_level(pictures, models, tmp_path, capsys):
    report = tmp_path / "rows.json"
    assert evaluate(pictures, "--model", models / "plain", "--json", report) == 0
    assert [row["level"] for row in json.loads(report.read_text())["rows"]] == [25]
    capsys.readouterr()
    output = wrong(capsys, pictures, "--model", models / "plain", "--levels", 15)
    assert "expected level 25, the only one of this model, got 15" in output


def served():
    """A double of `keras_hyper.serving.client`."""

    class Client:
        def __init__(self, address, model):
            self.address, self.model = address, model

        def served_model(self):
            card = {"task": "denoise", "levels_trained_on": [25.0], "level_range": [5, 75]}
            return types.SimpleNamespace(channels=3, takes_level=True, card=card,
                                         level_range=(5, 75))  # fmt: skip

        def restore(self, picture, level, tile, on_tile):
            return picture

    return types.SimpleNamespace(Client=Client, CallError=OSError)


def test_server_is_measured_and_never_resumed(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "keras_hyper.serving.client", served())
    report = tmp_path / "rows.json"
    assert evaluate(pictures, "--model", "localhost:8500/denoise", "--json", report) == 0
    row = json.loads(report.read_text())["rows"][0]
    assert row["level"] == 25 and row["psnr_gain"] == pytest.approx(0, abs=1e-6)
    capsys.readouterr()
    output = wrong(
        capsys, pictures, "--model", "localhost:8500", "--resume", "--out", tmp_path / "o"
    )
    assert "may have changed" in output
    assert evaluate(pictures, "--model", "localhost:8500", "--protocol", "literature",
                    "--levels", 50) == 1  # fmt: skip
    assert "noise that is not clipped leaves [0, 1]" in capsys.readouterr().err


def test_address_without_the_client_is_a_one_line_error(pictures, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "keras_hyper.serving.client", None)
    output = wrong(capsys, pictures, "--model", "localhost:8500")
    assert "pip install '.[serving]'" in output


def test_unreadable_picture_is_skipped_and_named(pictures, models, tmp_path, capsys):
    (pictures / "bad.png").write_text("no picture")
    Image.new("RGB", (9, 9)).save(pictures / "tiny.png")
    report = tmp_path / "rows.json"
    assert (
        evaluate(pictures, "--levels", 15, 25, "--model", models / "colour", "--json", report) == 1
    )
    written, printed = json.loads(report.read_text()), capsys.readouterr().out
    assert [row["pictures"] for row in written["rows"]] == [2, 2]
    assert len(written["skipped"]) == 2 and printed.count("skipped: ") == 2
    assert "bad.png" in printed and "tiny.png: expected sides of 11 pixels" in printed


def test_pictures_of_mixed_modes_and_sizes_are_measured(pictures, models, tmp_path, rng, capsys):
    Image.fromarray(rng.integers(0, 256, (20, 20), dtype=np.uint8)).save(pictures / "gray.png")
    Image.fromarray(rng.integers(0, 256, (21, 40, 4), dtype=np.uint8), "RGBA").save(
        pictures / "alpha.png"
    )
    deep = rng.integers(0, 65536, (20, 22), dtype=np.uint16)
    Image.fromarray(deep).save(pictures / "deep.png")
    report = tmp_path / "rows.json"
    assert evaluate(pictures, "--levels", 15, "--model", models / "colour", "--json", report) == 0
    written = json.loads(report.read_text())
    assert written["rows"][0]["pictures"] == 5
    assert "2 of 5 pictures are gray" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "protocol", "model", "words"),
    [
        ("dejpeg", "colour", "dejpeg", "their luma is restored"),
        ("denoise", "paper", "gray", ""),
        ("dejpeg", "paper", "dejpeg", ""),
    ],
)
def test_gray_model_restores_luma_of_colour_pictures(
    pictures, models, task, protocol, model, words, capsys
):
    assert evaluate(pictures, "--protocol", protocol, "--model", models / model, "--levels", 20,
                    task=task) == 0  # fmt: skip
    assert words in capsys.readouterr().err


def test_colour_model_restores_gray_pictures_as_three_channels(pictures, tmp_path, capsys):
    random_network(task="dejpeg", level_range=(10, 80)).save(tmp_path / "colour.keras")
    model = tmp_path / "colour.keras"
    assert evaluate(pictures, "--model", model, "--levels", 20, task="dejpeg") == 0
    assert "each is restored as three equal channels" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--levels", "300"], "0 to 255, got 300"),
        (["--levels", "some"], "'some'"),
        (["--levels", "5:90"], "paper, all, trained, got 5:90"),
        (["--protocol", "papers"], "Choose one of: paper, clipped, literature"),
        (["--metrics", "mse"], "lpips, got mse"),
        (["--resume"], "expected --out with --resume"),
        (["--degraded-only"], "--degraded-only or --model, got both"),
    ],
    ids=str,
)
def test_wrong_arguments_are_a_one_line_error(change, words, pictures, models, capsys):
    assert words in wrong(capsys, pictures, "--model", models / "colour", *change)


def test_wrong_models_and_folders_are_a_one_line_error(pictures, models, tmp_path, capsys):
    assert "expected a model for denoise, got one for sr" in wrong(
        capsys, pictures, "--model", models / "sr"
    )
    assert "no such file: nowhere" in wrong(capsys, pictures, "--model", "nowhere")
    assert "expected a whole level" in wrong(
        capsys, pictures, "--model", models / "dejpeg", "--levels", 12.5, task="dejpeg"
    )
    (tmp_path / "empty").mkdir()
    assert "has no pictures" in wrong(capsys, tmp_path / "empty", "--model", models / "colour")
    assert "no such folder" in wrong(capsys, tmp_path / "no", "--model", models / "colour")


def test_folder_without_a_readable_picture_is_a_failed_job(tmp_path, models, capsys):
    (tmp_path / "bad.png").write_text("no picture")
    assert evaluate(tmp_path, "--model", models / "colour") == 1
    error = capsys.readouterr().err
    assert "none of 1 pictures could be measured" in error and "bad.png" in error
    assert "Traceback" not in error


def test_engines_give_the_same_figures(tmp_path, pictures):
    options = ["--levels", 25, "--model", "denoise_tiny", "--metrics", "psnr"]
    figures = []
    for engine in ("tensorflow", "openvino"):
        file = tmp_path / f"{engine}.json"
        assert evaluate(pictures, *options, "--engine", engine, "--json", file) == 0
        report = json.loads(file.read_text())
        figures.append(report["rows"][0]["psnr_after"])
        assert (f"--engine {engine}" in report["command"]) == (engine != "tensorflow")
    assert figures[0] == pytest.approx(figures[1], abs=1e-3)
