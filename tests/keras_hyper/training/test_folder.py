import dataclasses
import json
from pathlib import Path

import pytest

from keras_hyper.errors import WrongArgumentError
from keras_hyper.training import RECIPES, TrainingConfig
from keras_hyper.training.folder import CHECKPOINT, PREVIOUS_CHECKPOINT, open_run

PICTURES = [Path("a.png"), Path("b.png")]
CONFIG = TrainingConfig("denoise", Path("photos"), steps=9).completed(RECIPES["default"])


def recorded(config=CONFIG, pictures=PICTURES, levels="5 25"):
    return config.record(levels, pictures, PICTURES[:1])


@pytest.fixture
def folder(tmp_path):
    """The folder of a run that can be resumed."""
    open_run(tmp_path, recorded(), False, print)
    (tmp_path / CHECKPOINT).touch()
    return tmp_path


def changed(**settings):
    return recorded(dataclasses.replace(CONFIG, **settings))


def resume(folder, record):
    lines = []
    open_run(folder, record, True, lines.append)
    return lines


def test_a_new_run_needs_a_folder_without_results(tmp_path):
    folder = tmp_path / "runs" / "denoise"
    (folder / "logs" / "train").mkdir(parents=True)
    for name in ("run.json", "history.json", ".checkpoint.partial.keras"):
        (folder / name).write_text("{}")
    open_run(folder, recorded(), False, print)
    assert not (folder / "logs").exists() and not (folder / "history.json").exists()
    assert json.loads((folder / "run.json").read_text()) == recorded()
    (folder / "model.keras").touch()
    with pytest.raises(WrongArgumentError, match="holds another run: --resume continues it"):
        open_run(folder, recorded(), False, print)
    open_run(tmp_path / "another" / "sr", recorded(), False, print)
    assert (tmp_path / "another" / "sr" / "run.json").exists()


@pytest.mark.parametrize("names", [["run.json"], [CHECKPOINT], [PREVIOUS_CHECKPOINT]])
def test_a_folder_without_record_or_checkpoint_is_not_resumed(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("{}")
    with pytest.raises(WrongArgumentError, match="holds no checkpoint to resume from"):
        resume(tmp_path, recorded())


def test_a_run_is_resumed_from_the_checkpoint_before_the_last(folder):
    (folder / CHECKPOINT).rename(folder / PREVIOUS_CHECKPOINT)
    assert resume(folder, recorded()) == []


def test_the_same_settings_resume(folder):
    before = (folder / "run.json").read_text()
    assert not resume(folder, recorded())
    assert (folder / "run.json").read_text() == before


def test_a_run_may_become_longer_but_not_shorter(folder):
    assert resume(folder, changed(steps=20)) == ["the run becomes longer: 20 steps instead of 9"]
    assert json.loads((folder / "run.json").read_text())["steps"] == 20
    with pytest.raises(WrongArgumentError, match="has steps 20; expected as many or more, got 9"):
        resume(folder, recorded())


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (changed(blocks=2), "has blocks 1, .* got 2"),
        (changed(shrink=[0.5]), r"has shrink None, .* got \[0.5\]"),
        (changed(seed=1), "has seed 0, .* got 1"),
        (recorded(levels="5 30"), "has levels 5 25, .* got 5 30"),
        (
            changed(data=Path("others")),
            r"has data .*photos \(2 files\), .* got .*others \(2 files\)",
        ),
        (recorded(pictures=PICTURES[:1]), r"photos \(2 files\), .* got .*photos \(1 files\)"),
    ],
)
def test_other_settings_or_data_are_refused(folder, record, words):
    with pytest.raises(WrongArgumentError, match=words):
        resume(folder, record)


@pytest.mark.parametrize("content", ['{"task": "den', "[]", ""])
def test_a_damaged_record_is_named(folder, content):
    (folder / "run.json").write_text(content)
    with pytest.raises(ValueError, match=r"expected a dict as JSON in .*run\.json, got"):
        resume(folder, recorded())


def test_older_keys_of_run_json_are_understood(folder):
    record = changed(steps=9, init_from="denoise", num_levels=8)
    old = {key: value for key, value in record.items() if key not in ("data", "valid", "versions")}
    for now, before in (
        ("num_levels", "draws"),
        ("validate_every", "every"),
        ("init_from", "start"),
    ):
        old[before] = old.pop(now)
    (folder / "run.json").write_text(json.dumps({**old, "levels": "5:90, 8 draws a step"}))
    record["levels"] = "5:90, 8 levels a step"
    assert not resume(folder, record)
    with pytest.raises(WrongArgumentError, match="has validate_every 250"):
        resume(folder, {**record, "validate_every": 100})
    resume(folder, {**record, "steps": 10})
    assert not {"draws", "every", "start"} & set(json.loads((folder / "run.json").read_text()))
