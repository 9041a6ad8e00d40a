import dataclasses
import subprocess
from pathlib import Path

from keras_hyper.training import RECIPES, TrainingConfig
from keras_hyper.training import config as config_module
from tests.conftest import random_network

PICTURES = [Path("a.png"), Path("b.png")]
CONFIG = TrainingConfig("denoise", Path("photos"), steps=9).completed(RECIPES["default"])


def recorded(config=CONFIG, pictures=PICTURES, levels="5 25"):
    return config.record(levels, pictures, PICTURES[:1])


def test_settings_that_are_not_given_are_defaults_of_network_and_recipe():
    assert (CONFIG.blocks, CONFIG.filters, CONFIG.tail, CONFIG.channels) == (1, 64, "paper", 3)
    assert (CONFIG.batch, CONFIG.patch, CONFIG.levels) == (16, 48, None)
    assert CONFIG.folder == Path("runs/denoise")


def test_defaults():
    given = TrainingConfig("denoise")
    unset = ("data", "valid", "levels", "init_from", "method", "schedule", "restorer", "blocks",
             "filters", "tail", "channels", "batch", "patch", "shrink", "soften", "loss", "rate",
             "clip", "gray", "device", "hosts", "host_index")  # fmt: skip
    assert [getattr(given, name) for name in unset] == [None] * len(unset)
    rest = {name: value for name, value in vars(given).items() if name not in unset}
    assert rest == {
        "task": "denoise", "out": Path("runs"), "num_levels": 4, "steps": 7000,
        "validate_every": 250, "recipe": "default", "precision": "auto", "seed": 0,
        "memory": 1.0, "resume": False, "profile": False,
    }  # fmt: skip


def test_settings_that_are_given_are_kept():
    initial = random_network(1, 2, 8, tail="light", levels=(15, 50))
    given = {"levels": ["9"], "blocks": 3, "filters": 5, "tail": "paper", "channels": 3,
             "batch": 7, "patch": 64}  # fmt: skip
    config = TrainingConfig("denoise", **given)
    assert config.completed(RECIPES["default"], initial) == config
    assert TrainingConfig("denoise").completed(RECIPES["default"], initial).levels == [15, 50]


def test_settings_that_are_not_given_are_those_of_the_initial_network():
    initial = random_network(1, [1, 1], [8, 8], tail="light", level_range=(5, 75))
    config = TrainingConfig("denoise").completed(RECIPES["authors"], initial)
    assert (config.blocks, config.filters, config.tail, config.channels) == (
        [1, 1], [8, 8], "light", 1
    )  # fmt: skip
    assert config.levels == ["5:75"] and config.patch == 96
    assert TrainingConfig("dejpeg").completed(RECIPES["default"], initial).levels is None
    given = TrainingConfig("denoise", levels=["15"], channels=3, blocks=2)
    given = given.completed(RECIPES["default"], initial)
    assert (given.levels, given.channels, given.blocks) == (["15"], 3, 2)


def test_record_has_data_versions_and_commit():
    record = recorded()
    assert record["data"] == {"folder": str(Path("photos").resolve()), "files": 2}
    assert record["valid"]["files"] == 1
    assert set(record["versions"]) == {"keras", "tensorflow", "numpy"}
    assert len(record["commit"]) == 40
    assert record["validate_every"] == 250 and "init_from" not in record


def test_a_run_without_git_has_no_commit(monkeypatch):
    monkeypatch.setattr(config_module.shutil, "which", lambda name: None)
    assert recorded()["commit"] is None
    monkeypatch.undo()
    failed = subprocess.CompletedProcess([], 128, stdout="\n")
    monkeypatch.setattr(config_module.subprocess, "run", lambda *args, **kwargs: failed)
    assert recorded()["commit"] is None


def test_pictures_that_ship_and_a_folder_to_validate_on_are_recorded(tmp_path):
    config = dataclasses.replace(CONFIG, data=None, valid=tmp_path)
    record = recorded(config)
    assert record["data"] == {"folder": "sample pictures", "files": 2}
    assert record["valid"] == {"folder": str(tmp_path.resolve()), "files": 1}
    assert recorded()["valid"]["folder"] == str(Path("photos").resolve())
