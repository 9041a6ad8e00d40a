import os
import signal
import sys
from pathlib import Path

import pytest

from keras_hyper.errors import WrongArgumentError
from keras_hyper.restoration import on_ray
from keras_hyper.restoration.folder import RestoredFile, StoppedError
from keras_hyper.restoration.on_ray import restore_on_ray


@pytest.fixture(scope="module")
def ray():
    """Ray on this machine, with two processes."""
    ray = pytest.importorskip("ray", reason="Ray is not in the test environments: it takes 240 MB")
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
    yield ray
    ray.shutdown()


def restore_one(source, target):
    if source.name == "bad":
        raise ValueError("no picture")
    if source.name == "defect":
        raise KeyError("a key")
    if source.name == "there":
        return None
    with target.open("a") as file:
        file.write(f"{os.getpid()}\n")
    if source.name == "fatal" or (source.name == "kills" and target.read_text().count("\n") < 3):
        os.kill(os.getpid(), signal.SIGKILL)
    return RestoredFile(notes=(source.name,))


def open_restore_one():
    return restore_one


def open_nothing():
    raise FileNotFoundError("no such model")


def test_each_picture_ends_once_and_dead_processes_are_replaced(ray, tmp_path, monkeypatch):
    monkeypatch.setattr(on_ray, "_IN_FLIGHT", 7)  # fewer than there are pictures
    names = [*map(str, range(20)), "bad", "defect", "there", "kills", "fatal"]
    targets = {Path(name): tmp_path / name for name in names}
    found = list(restore_on_ray(targets, open_restore_one))
    assert sorted(source for source, _ in found) == sorted(targets)
    results = {source.name: result for source, result in found}
    errors = {name: str(results.pop(name)) for name in ("bad", "defect", "fatal")}
    assert errors["bad"] == "bad: no picture"
    assert errors["defect"] == "defect: KeyError: 'a key'"
    assert errors["fatal"].startswith("fatal: every process that restored it died: ")
    assert results.pop("there") is None
    assert all(result.notes == (name,) for name, result in results.items())
    assert (tmp_path / "kills").read_text().count("\n") == 3
    assert (tmp_path / "fatal").read_text().count("\n") == 4


def test_a_network_that_does_not_open_stops_the_work(ray):
    with pytest.raises(StoppedError, match=r"no such model \(0 restored before; --resume"):
        list(restore_on_ray({Path("a"): Path("b")}, open_nothing))


def test_ray_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WrongArgumentError, match=r"Ray is missing: pip install '.\[ray\]'"):
        next(restore_on_ray({}, open_nothing))
