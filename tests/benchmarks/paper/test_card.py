import json
import re

import numpy as np
import pytest
from PIL import Image

from benchmarks.paper.__main__ import main
from tests.conftest import random_network


@pytest.fixture
def pictures(tmp_path, photo):
    folder = tmp_path / "CBSD68"
    folder.mkdir()
    Image.fromarray(np.rint(photo[:32, :40] * 255).astype(np.uint8)).save(folder / "a.png")
    return folder


def test_card_describes_the_model_and_its_figures(tmp_path, pictures):
    random_network(levels=(5, 75)).save(tmp_path / "model.keras")
    argv = ["card", str(tmp_path), "--data", str(pictures), "--out", str(tmp_path / "card.md")]
    assert main([*argv, "--store", str(tmp_path / "figures.jsonl")]) == 0
    text = (tmp_path / "card.md").read_text()
    for words in (
        "Margin of a tile: 12 pixels",
        "Trained on 5, 75",
        "| 5 (trained) |",
        "## Untrained levels",
        "| a clean photograph |",
        "of the steps to the next",
        "Data: not recorded",
        f"python -m benchmarks.paper card {tmp_path} --data {pictures}",
    ):
        assert words in text
    # The paper's figures have a column.
    row = next(line for line in text.splitlines() if line.startswith("| 25 "))
    assert row.endswith("| 31.40 |")


def test_card_of_a_network_of_two_levels(tmp_path, pictures, capsys):
    axes, ranges = ["noise", "jpeg"], [(0, 50), (10, 100)]
    scales = {"level_offset": (25, 55), "level_scale": (25, 45), "level_range": ranges}
    random_network(task="denoise+dejpeg", axes=axes, **scales).save(tmp_path / "model.keras")
    assert main(["card", str(tmp_path), "--data", str(pictures)]) == 0
    text = capsys.readouterr().out
    for words in (
        "trained on: `noise` (noise sigma on the 0-255 scale) from 0 to 50, `jpeg` (JPEG quality)",
        "| noise=15 jpeg=40 |",
        "At the weakest trained level, 0 100",
    ):
        assert words in text
    assert "Strength over levels" not in text


def test_card_reports_the_distance_below_the_curve(tmp_path, pictures, capsys):
    random_network(task="dejpeg", levels=(10, 80), level_range=(10, 80)).save(
        tmp_path / "model.keras"
    )
    assert main(["card", str(tmp_path), "--data", str(pictures), "--protocol", "colour"]) == 0
    text = capsys.readouterr().out
    assert "lower is more restoration" in text
    # Random weights hardly change the pictures, so the degraded ones are below the curve as well.
    assert re.search(r"dB below; the degraded pictures are already 0\.\d+ dB below\.", text)
    assert "At the weakest trained level, 80" in text
    assert "paper |" not in text


def test_card_describes_training_in_two_parts_and_a_level_above_the_curve(
    tmp_path, pictures, capsys, monkeypatch
):
    above = {"level": 25, "psnr": 30.0, "curve": 29.954, "below": -0.046, "before": 0.5}
    monkeypatch.setattr("benchmarks.paper.untrained_levels.below_the_curve", lambda *_: [above])
    random_network(levels=(5, 75)).save(tmp_path / "model.keras")
    training = {"steps": "9", "batch": "4", "patch": "48", "seconds": 120, "machine": "a pocket",
                "before": "7 steps of 16 patches", "shrink": "[0.5, 0.75]"}  # fmt: skip
    facts = {"training": training, "command": "train.py one\ntrain.py two"}
    path = tmp_path / "1" / "assets.extra" / "card.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(facts))
    (tmp_path / "1" / "saved_model.pb").touch()
    assert main(["card", str(tmp_path), "--data", str(pictures)]) == 0
    text = capsys.readouterr().out
    assert "9 steps of 4 patches of 48 pixels at every level, also from the photographs" in text
    assert "resized by 0.5, 0.75, 2 minutes, a pocket." in text
    assert "Before that: 7 steps of 16 patches." in text
    assert "The curve through its four neighbours has 29.954 dB, so it is 0.046 dB above." in text
    assert "`train.py one`, then\n`train.py two`" in text


def test_factors_are_not_compared_with_a_curve(tmp_path, pictures, capsys):
    random_network(task="sr", levels=(2, 4), level_range=(2, 4)).save(tmp_path / "model.keras")
    assert main(["card", str(tmp_path), "--data", str(pictures)]) == 0
    text = capsys.readouterr().out
    assert "is not smooth over the factor" in text and "dB below" not in text


@pytest.mark.parametrize(
    ("task", "data", "words"),
    [("", "CBSD68", "expected a network that records its task"),
     ("denoise", "nowhere", "no such folder")],
)  # fmt: skip
def test_wrong_arguments_are_a_one_line_error(tmp_path, pictures, capsys, task, data, words):
    random_network(task=task).save(tmp_path / "model.keras")
    assert main(["card", str(tmp_path), "--data", str(tmp_path / data)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
