"""Versions on disk: complete, incomplete, damaged, removed."""

import re
import shutil

import pytest

from keras_hyper.serving.server import version as version_module
from keras_hyper.serving.server.config import ModelConfig
from keras_hyper.serving.server.errors import ServingError
from keras_hyper.serving.server.models import Model, Models
from keras_hyper.serving.server.version import State
from tests.conftest import ROOT

EXPORT = ROOT / "saved_models" / "denoise" / "1"


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Stub:
    """A stub of a loaded version."""

    def __init__(self, folder):
        self.name = (folder / "saved_model.pb").read_text()
        self.closed = False
        if self.name == "broken":
            raise ValueError("broken pb")
        self.engine = ""

    def use(self, engine):
        self.engine = engine

    def close(self):
        self.closed = True


@pytest.fixture
def stubs(monkeypatch):
    monkeypatch.setattr(version_module, "LoadedVersion", Stub)
    monkeypatch.setattr(version_module, "warm_up", lambda loaded, folder: {})


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def put(folder, number, text="whole"):
    (folder / str(number)).mkdir(exist_ok=True)
    if text is not None:
        (folder / str(number) / "saved_model.pb").write_text(text)


def model_of(folder, clock=None, **policy):
    model = Model(ModelConfig("restorer", folder, **policy), clock or Clock())
    model.poll()
    return model


def states(model):
    return {version.number: version.state for version in model.statuses()}


def test_newest_version_is_served_and_replaced_by_a_newer_one(stubs, folder):
    put(folder, 1)
    put(folder, "002")
    for name in ("v3", "0.4", "-5", "\u0664", "20261128021459000001"):
        put(folder, name)
    model = model_of(folder)
    assert model.available == [2] and states(model) == {2: State.AVAILABLE}
    put(folder, 7)
    model.poll()
    assert model.available == [7]
    assert states(model) == {7: State.AVAILABLE, 2: State.END}


def test_old_version_is_closed_after_its_last_request(stubs, folder):
    put(folder, 1)
    model = model_of(folder)
    hold = model.acquire()
    put(folder, 2)
    model.poll()
    assert model.acquire().number == 2
    assert states(model)[1] is State.UNLOADING and not hold.loaded.closed
    hold.release()
    hold.release()  # counts once
    model.poll()
    assert states(model)[1] is State.END and hold.loaded.closed


@pytest.mark.parametrize("text", ["broken", None])
def test_incomplete_new_version_is_reported_and_the_old_one_stays(stubs, folder, text):
    put(folder, 1)
    model = model_of(folder)
    put(folder, 2, text)
    model.poll()
    assert model.available == [1]
    newest, *_ = model.statuses()
    assert newest.number == 2 and newest.state is not State.AVAILABLE
    assert newest.text == (
        "ValueError: broken pb" if text else f"no such file: {folder / '2' / 'saved_model.pb'}"
    )
    put(folder, 2, "whole, and longer")  # recovers as soon as its files change
    model.poll()
    assert model.available == [2] and model.statuses()[0].text == ""


def test_version_is_loaded_again_when_its_copy_went_on(stubs, folder, monkeypatch):
    put(folder, 1)
    model = model_of(folder)
    first = model.acquire()
    (folder / "1" / "assets.extra").mkdir()
    (folder / "1" / "assets.extra" / "card.json").write_text("{}")
    model.poll()
    second = model.acquire()
    assert second.loaded is not first.loaded and not first.loaded.closed
    first.release()
    model.poll()
    assert first.loaded.closed and model.acquire().loaded is second.loaded

    def fail(loaded, folder):
        raise ValueError("half a file")

    monkeypatch.setattr(version_module, "warm_up", fail)
    (folder / "1" / "more").touch()
    for _ in range(2):
        model.poll()
        assert model.load_failures == 1 and model.acquire().loaded is second.loaded
    assert states(model) == {1: State.AVAILABLE}


def test_server_starts_with_the_newest_complete_version(stubs, folder):
    put(folder, 1)
    put(folder, 2)
    put(folder, 3, "broken")
    (folder / "4").mkdir()
    model = model_of(folder)
    assert model.available == [2]
    model.poll()
    assert model.available == [2]


def test_failed_loads_are_retried_with_growing_pauses(stubs, folder, monkeypatch):
    tries = []
    monkeypatch.setattr(
        version_module, "LoadedVersion", lambda folder: tries.append(folder) or 1 / 0
    )
    put(folder, 1)
    clock = Clock()
    model = model_of(folder, clock)
    for _ in range(40):
        clock.now += 1
        model.poll()
    assert len(tries) == 6  # at 0, 1, 3, 7, 15, 31 seconds
    assert model.statuses()[0].text == "ZeroDivisionError: division by zero"


def test_removed_version_is_still_served_and_reported(stubs, folder):
    put(folder, 1)
    model = model_of(folder)
    shutil.rmtree(folder / "1")
    model.poll()
    assert model.available == [1] and "was removed" in model.statuses()[0].text
    shutil.rmtree(folder)
    model.poll()
    assert model.available == [1]
    folder.mkdir()
    put(folder, 1)
    model.poll()
    assert model.available == [1] and model.statuses()[0].text == ""
    shutil.rmtree(folder / "1")
    put(folder, 2)
    model.poll()
    assert model.available == [2]


def test_removing_the_newest_version_returns_to_the_older_one(stubs, folder):
    put(folder, 1)
    put(folder, 2)
    model = model_of(folder)
    shutil.rmtree(folder / "2")
    model.poll()
    assert model.available == [1]


def test_empty_folder_waits_for_a_version(stubs, folder):
    model = model_of(folder)
    with pytest.raises(ServingError, match="Latest.restorer."):
        model.acquire()
    put(folder, 1)
    model.poll()
    assert model.acquire().number == 1


def test_version_policies(stubs, folder):
    for number in (1, 2, 3):
        put(folder, number)
    assert model_of(folder, latest=2).available == [2, 3]
    assert model_of(folder, latest=0).available == [1, 2, 3]
    assert model_of(folder, specific=(1, 3, 9)).available == [1, 3]


def test_version_labels(stubs, folder):
    put(folder, 1)
    put(folder, 2)
    model = model_of(folder, latest=0, labels={"stable": 1, "old": 7})
    assert model.acquire(label="stable").number == 1
    with pytest.raises(ServingError, match="Unrecognized servable version label: canary"):
        model.acquire(label="canary")
    with pytest.raises(ServingError, match=r"Specific\(restorer, 7\)"):
        model.acquire(label="old")


def test_labels_and_policies_follow_the_config(stubs, folder):
    put(folder, 1)
    put(folder, 2)
    configs = [ModelConfig("restorer", folder)]
    models = Models(lambda: configs, interval=0)
    models.start()
    configs[0] = ModelConfig("restorer", folder, latest=2, labels={"stable": 1})
    models._start_polls()
    models._polls["restorer"].result()
    assert models.acquire("restorer", None, "stable").number == 1
    configs[0] = ModelConfig("restorer", folder / "elsewhere")
    models._start_polls()
    assert models.acquire("restorer", None, "stable").number == 1
    models.stop()


def test_closing_unloads_every_version(stubs, folder):
    put(folder, 1)
    model = model_of(folder)
    model.close()
    assert states(model) == {1: State.END} and model.available == []


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "half a graph": lambda version: truncate(version / "saved_model.pb"),
    "half the variables": lambda version: truncate(
        version / "variables" / "variables.data-00000-of-00001"
    ),
    "no index": lambda version: (version / "variables" / "variables.index").unlink(),
    "no variables": lambda version: shutil.rmtree(version / "variables"),
    "half the warm-up": lambda version: truncate(
        version / "assets.extra" / "tf_serving_warmup_requests"
    ),
    "a changed weight": lambda version: flip(
        version / "variables" / "variables.data-00000-of-00001"
    ),
}


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_export_does_not_become_available(folder, name):
    shutil.copytree(EXPORT, folder / "2")
    DAMAGES[name](folder / "2")
    model = model_of(folder)
    assert model.available == []
    assert model.statuses()[0].state is State.END and model.statuses()[0].text


def test_synthetic_request_is_run_without_a_warm_up_file_and_the_log_has_its_cost(folder, caplog):
    shutil.copytree(EXPORT, folder / "1")
    shutil.rmtree(folder / "1" / "assets.extra")
    with caplog.at_level("INFO", "keras_hyper.serving"):
        assert model_of(folder).available == [1]
    found = re.search(
        r"is available, run by tensorflow; bytes a pixel: .*serving_default (\d+)", caplog.text
    )
    assert 500 < int(found[1]) < 5000
