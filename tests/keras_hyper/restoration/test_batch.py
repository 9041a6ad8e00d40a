import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_hyper.cli import restore
from keras_hyper.errors import WrongArgumentError
from keras_hyper.restoration import batch
from keras_hyper.restoration.restorer import Restorer
from pipelines import TASKS
from pipelines.images import path_or_url
from tests.conftest import parsed


def options_of(source, out, **others):
    args = vars(parsed(restore, [str(source), str(out)])) | {"task": "denoise", "level": 25.0}
    names = [field.name for field in dataclasses.fields(batch.Options)]
    return batch.Options(**{name: {"plugin": None, **args, **others}[name] for name in names})


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("RGB", (8, 6), (10, 20, 30)).save(folder / "a.png")
    Image.new("RGB", (6, 8), (10, 20, 30)).save(folder / "b.png")
    (folder / "c.png").write_bytes(b"\x89PNG")
    return folder


class Inverter(Restorer):
    def __init__(self):
        facts = {"task": "denoise", "level_range": (5, 75), "multiple": 4}
        super().__init__("inverter", 3, facts)
        self.closed = False

    def restore(self, picture, level, *, tile=512, on_tile=lambda done, count: None):
        return 255 - picture

    def close(self):
        self.closed = True


@pytest.fixture
def inverters(monkeypatch):
    """The networks that were opened, with the arguments."""
    opened = []

    def open_networks(*words):
        opened.append((words, Inverter()))
        return opened[-1][1]

    monkeypatch.setattr(batch, "open_networks", open_networks)
    return opened


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"runner": "ray", "server": "a:1"}, "expected --server or --runner, got both"),
        ({"server": "a:1", "model": "m.keras"}, "or --model, got both"),
        ({"task": None, "model": "m.keras"}, "expected --task with --model"),
        ({"task": None, "estimator": "e.keras"}, "expected --task with --estimator"),
        ({"task": None, "server": "a:1"}, "expected --task with --server"),
    ],
)
def test_options_that_exclude_one_another_are_refused(tmp_path, others, message):
    with pytest.raises(WrongArgumentError, match=message):
        options_of(tmp_path, tmp_path / "out", **others)


def test_a_runner_needs_a_folder_and_times_need_files(tmp_path):
    with pytest.raises(WrongArgumentError, match="expected a folder with --runner, got"):
        options_of(tmp_path / "a.png", tmp_path / "out.png", runner="ray")
    with pytest.raises(WrongArgumentError, match="expected files of this machine with --keep-time"):
        options_of(tmp_path, path_or_url("memory://out"), keep_times=True)


def test_settings_name_what_a_resumed_run_must_have(tmp_path):
    def settings(**others):
        return options_of(tmp_path, tmp_path / "out", **others).settings

    first = settings()
    assert first == {
        "task": "denoise", "level": 25.0, "strength": 100, "same_size": False, "model": "denoise"
    }  # fmt: skip
    for others in ({"level": 30.0}, {"strength": 70}, {"model": "other"}, {"same_size": True}):
        assert settings(**others) != first
    assert settings(tile=128, concurrency=2, keep_times=True) == first
    # As JSON holds it.
    assert settings(task="denoise+dejpeg", level=(15.0, 40.0))["level"] == [15.0, 40.0]
    assert settings(server="a:1", server_model="mine")["model"] == "mine"


def test_all_are_read_and_none_is_written(pictures, tmp_path, inverters):
    targets = {path: (tmp_path / "out" / path.name, None) for path in sorted(pictures.iterdir())}
    done, errors = batch.read_all(targets, options_of(pictures, tmp_path / "out"))
    assert [path.name for path in done] == ["a.png", "b.png"]
    assert [path.name for path in errors] == ["c.png"]
    assert not (tmp_path / "out").exists() and not inverters


def test_a_folder_is_restored_and_its_errors_are_returned(pictures, tmp_path, inverters):
    out = tmp_path / "out"
    targets = {path: (out / path.name, None) for path in sorted(pictures.iterdir())}
    done, errors = batch.restore_all(targets, options_of(pictures, out, precision="float32"))
    assert sorted(path.name for path in done) == ["a.png", "b.png"]
    assert [path.name for path in errors] == ["c.png"]
    with Image.open(out / "a.png") as restored:
        np.testing.assert_array_equal(np.asarray(restored)[0, 0], [245, 235, 225])
    ((words, inverter),) = inverters
    assert words == ("denoise", None, "float32", "auto") and inverter.closed


def test_a_level_outside_the_range_is_said_once(pictures, tmp_path, inverters, capsys):
    source = pictures / "a.png"
    options = options_of(source, tmp_path / "out.png", level=90.0)
    done, errors = batch.restore_all({source: (tmp_path / "out.png", None)}, options)
    assert list(done) == [source] and errors == {}
    assert capsys.readouterr().err == (
        "keras-hyper: level 90 is outside the range trained on, 5 to 75\n"
    )


def test_the_result_of_another_worker_is_no_error(tmp_path, monkeypatch):
    def exists(*_, **__):
        raise FileExistsError("of another worker")

    monkeypatch.setattr(batch, "restore_file", exists)
    options = options_of(tmp_path, tmp_path / "out")
    assert batch.restore_one(options, [], Path("a.png"), (Path("out/a.png"), None)) is None


def test_without_a_task_there_is_a_stage_for_each_that_a_picture_may_need(tmp_path, inverters):
    options = options_of(tmp_path, tmp_path / "out", task=None, level="auto")
    with contextlib.ExitStack() as opened:
        stages = batch.open_stages(options, opened)
    names = [stage.task.name for stage in stages]
    assert names == [words[0] for words, _ in inverters]
    assert names == [name for name, task in TASKS.items() if task.automatic is not None]
    assert all(inverter.closed for _, inverter in inverters)


@pytest.mark.parametrize("tile", [0, 34])
def test_a_tile_that_does_not_fit_the_network_is_refused(tmp_path, inverters, tile):
    options = options_of(tmp_path, tmp_path / "out", tile=tile)
    with (
        contextlib.ExitStack() as opened,
        pytest.raises(
            WrongArgumentError, match=f"expected --tile as a positive multiple of 4, got {tile}"
        ),
    ):
        batch.open_stages(options, opened)
