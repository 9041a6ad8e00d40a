"""`python -m benchmarks.paper report` on sets of two pictures."""

import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.paper.__main__ import main
from tests.conftest import random_network


@pytest.fixture
def folder(tmp_path, rng):
    for name in ("CBSD68", "LIVE1", "noisy"):
        (tmp_path / "sets" / name).mkdir(parents=True)
        for number in range(2):
            pixels = rng.integers(0, 256, (24, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "sets" / name / f"{number}.png")
    random_network(levels=(5, 75)).save(tmp_path / "noise.keras")
    random_network(channels=1, task="", level_range=(10, 80)).save(tmp_path / "jpeg.keras")
    return tmp_path


def report(folder, *models, **more):
    options = [word for name, value in more.items() for word in (f"--{name}", str(value))]
    return main(["report", *map(str, models), "--data", str(folder / "sets"), "--levels", "paper",
                 "--noisy", str(folder / "sets" / "noisy"), "--out", str(folder / "out"),
                 *options])  # fmt: skip


def test_page_shows_measured_and_missing_results(folder, capsys):
    assert report(folder, folder / "noise.keras", f"dejpeg={folder / 'jpeg.keras'}") == 0
    text = (folder / "out" / "results.md").read_text()
    for words in ("Table 1: deJPEG, LIVE1", "Table 2: denoising", "no network for sr was given",
                  "FFDNet, published", "Levels from weak to strong",
                  "keras-hyper evaluate --task denoise"):  # fmt: skip
        assert words in text
    for plot in ("figure2-dejpeg", "figure3-denoise", "sweep-1-denoise"):
        assert f"results/{plot}.svg" in text
        assert (folder / "out" / "results" / f"{plot}.svg").is_file()
    assert not (folder / "out" / "results.html").exists()
    assert "results.md" in capsys.readouterr().out


def test_figure_5_is_plotted_from_a_calibration(folder, capsys):
    rows = [{"picture": "a", "level": 25.0, "best": 26.0}]
    file = folder / "c.json"
    file.write_text(json.dumps({"task": "denoise", "data": "CBSD68", "rows": rows}))
    assert report(folder, folder / "noise.keras", calibration=file) == 0
    assert "results/figure5-calibration.svg" in (folder / "out" / "results.md").read_text()
    file.write_text("{}")
    assert report(folder, folder / "noise.keras", calibration=file) == 2
    assert report(folder, folder / "noise.keras", calibration=folder / "no.json") == 2
    assert "no such file" in capsys.readouterr().err


def test_second_report_reuses_stored_figures(folder, monkeypatch):
    report(folder, folder / "noise.keras")
    lines = (folder / "out" / "results" / "figures.jsonl").read_text().count("\n")
    report(folder, folder / "noise.keras")
    assert (folder / "out" / "results" / "figures.jsonl").read_text().count("\n") == lines


def test_model_without_a_task_is_a_one_line_error(folder, capsys):
    assert report(folder, folder / "jpeg.keras") == 2
    error = capsys.readouterr().err
    assert "expected TASK=MODEL" in error and error.count("\n") == 1
