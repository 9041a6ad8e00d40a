import io
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from keras_hyper.export.card import read_card
from keras_hyper.training import OBJECTIVES, RECIPES, TrainingConfig, report
from pipelines import ESTIMATOR_TASKS, TASKS, parse_levels
from pipelines.dataset.patch_cache import PatchCache
from tests.conftest import random_estimator, random_network


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=60)


def cache(enlarged=0, skipped=()):
    """Two windows of 30x20 and 25x40 pixels, 3 MiB."""
    pixels = tf.zeros(3 * 2**20, tf.uint8)
    return PatchCache(pixels, tf.constant([0, 9]), tf.constant([[20, 30], [40, 25]]), 0, 3, 7,
                      enlarged, skipped)  # fmt: skip


def announced(console, task, model, the_cache, devices=1, **settings):
    config = TrainingConfig(task.name, steps=9, seed=4, **settings).completed(RECIPES["default"])
    levels = parse_levels(["15", "50"], task)
    watched = "1 of them, held out"
    report.announce(console, config, task, levels, watched, the_cache, model, devices)
    return console.file.getvalue().splitlines()


def test_a_run_is_described_before_it_starts(console, monkeypatch):
    monkeypatch.setattr(report, "accelerators", lambda: [])
    given = {"data": Path("photos"), "init_from": "denoise"}
    assert announced(console, TASKS["denoise"], random_network(), cache(), **given) == [
        "            task  denoise, level is the noise sigma on the 0-255 scale",
        "            data  7 pictures, 2 windows of 25x20 to 30x40 pixels, 3 MiB, of photos",
        "      validation  1 of them, held out",
        "         network  HyperRes, 1 block, 3 channels, 6,283 parameters",
        "initialised from  denoise",
        "          levels  15 50",
        "        training  9 steps of 16 patches of 48 pixels at 2 levels, recipe default, seed 4",
        "          device  CPU, tensorflow, float32",
    ]


def test_an_estimator_has_no_blocks_and_the_first_accelerator_is_named(console, monkeypatch):
    monkeypatch.setattr(report, "accelerators", lambda: ["gpu:0", "gpu:1"])
    lines = announced(console, ESTIMATOR_TASKS["estimate"], random_estimator(), cache())
    assert lines[1].endswith("of those that ship with the project (--data DIR for your own)")
    assert lines[3].startswith("         network  LevelEstimator, 3 channels, ")
    assert lines[4] == "initialised from  random weights"
    assert lines[7] == "          device  gpu:0, tensorflow, float32"
    assert len(lines) == 8
    both = announced(console, ESTIMATOR_TASKS["estimate"], random_estimator(), cache(), devices=2)
    assert both[15] == "          device  gpu:0, gpu:1, tensorflow, float32"


def test_extended_and_skipped_pictures_are_reported(console):
    skipped = ("a.png: damaged, " + "x" * 60, "b.png: damaged")
    lines = announced(console, TASKS["denoise"], random_network(), cache(3, skipped))
    assert lines[8:] == [
        "3 pictures smaller than a patch were extended by reflection",
        "2 files could not be read and were skipped:",
        f"  {skipped[0]}",
        "  b.png: damaged",
    ]


@pytest.mark.parametrize(("gpus", "first"), [([], None), (["a", "b"], "/gpu:0")])
def test_degradation_runs_on_the_first_gpu(monkeypatch, gpus, first):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus * (kind == "GPU"))
    assert report.first_gpu() == first


def test_the_card_of_an_export_has_the_settings_that_were_given(tmp_path):
    config = TrainingConfig("denoise", out=tmp_path, steps=9, shrink=[0.5], soften=[0.8])
    config.folder.mkdir()
    history = [{"seconds": 1.5}, {"seconds": 4.5}]
    (config.folder / "history.json").write_text(json.dumps(history))
    rows = [{"level": 15.0, "gain": 1.0}]
    version = report.export(random_network(), config, rows)
    card = read_card(version)
    assert version == config.folder / "1" and card["validation"] == rows
    assert card["data"] == "the pictures that ship with the project"
    assert card["training"] == {
        "steps": "9", "recipe": "default", "seed": "0", "shrink": "[0.5]",
        "soften": "[0.8]", "seconds": 4.5,
    }  # fmt: skip


def test_estimators_and_other_backends_have_no_export(tmp_path, monkeypatch):
    config = TrainingConfig("denoise", out=tmp_path)
    assert report.export(random_estimator(), config, []) is None
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    assert report.export(random_network(), config, []) is None
    assert not list(tmp_path.iterdir())


def concluded(console, objective, task, rows, version):
    config = TrainingConfig("denoise", out=Path("runs"))
    report.conclude(console, config, task, OBJECTIVES[objective], rows, version)
    return console.file.getvalue().splitlines()


def test_figures_results_and_the_next_commands_are_printed(console):
    rows = [
        {"level": level, "psnr_before": 24.684, "psnr_after": 31.5, "gain": np.float32(6.816)}
        for level in (15.0, 20.0, 25.5, 50.0)
    ]
    lines = concluded(console, "restore", TASKS["denoise"], rows, Path("runs/denoise/1"))
    assert lines[0] == "PSNR in dB on the validation pictures"
    assert lines[2].split()[1::2] == ["level", "before", "after", "gain"]
    assert lines[6].split()[1::2] == ["25.5", "24.68", "31.50", "+6.82"]
    assert lines[-7:] == [
        "network     runs/denoise/model.keras",
        "SavedModel  runs/denoise/1",
        "logs        runs/denoise/logs",
        "",
        "Next",
        "  keras-hyper restore IN OUT --task denoise --level 25.5 --model runs/denoise/model.keras",
        "  tensorboard --logdir runs/denoise/logs",
    ]


def test_a_network_that_learned_nothing_is_reported(console):
    rows = [
        {"level": level, "psnr_before": 30.0, "psnr_after": 30.0 + gain, "gain": gain}
        for level, gain in ((15.0, 0.001), (50.0, -0.002))
    ]
    words = "the network changes almost nothing: train again with a lower --rate, such as 5e-4"
    assert words in concluded(console, "restore", TASKS["denoise"], rows, None)
    rows[0]["gain"] = 0.5
    both = concluded(console, "restore", TASKS["denoise"], rows, None)  # after the first
    assert both.count(words) == 1 and "+0.50" in both[-10]


def test_an_estimator_reports_its_errors(console):
    rows = [{"level": 15.0, "estimate": 14.25, "error": 2.0}]
    lines = concluded(console, "estimate", ESTIMATOR_TASKS["estimate"], rows, None)
    assert lines[0] == "absolute error of the level on the validation pictures"
    assert [word.strip() for word in lines[2].split("┃")[1:-1]] == [
        "level", "mean estimate", "mean absolute error"
    ]  # fmt: skip
    assert lines[4].split()[1::2] == ["15", "14.25", "2.00"]
    assert "SavedModel  not exported" in lines
