import numpy as np
import pytest
from PIL import Image

from keras_hyper.restoration import estimates, level
from keras_hyper.restoration.estimates import LevelOfTask, NoiseAndQuality
from pipelines import TASKS

PIXELS = np.zeros((20, 20, 3), np.uint8)


class Estimator:
    unit = "sigma of noise"
    axis = ""

    def __init__(self, task, value):
        self.task, self.value = task, value


@pytest.fixture
def png(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.fixture
def opened(monkeypatch):
    """The names of the estimators that were opened; each estimates the level in its name."""
    names = []

    def open_estimator(name, engine):
        names.append((name, engine))
        task, _, value = name.partition(" ")
        return Estimator(task, float(value))

    monkeypatch.setattr(level, "open_estimator", open_estimator)
    for module in (level, estimates):
        monkeypatch.setattr(module, "estimate", lambda pixels, estimator, **_: estimator.value)
    return names


def test_noise_and_quality_have_the_estimator_of_their_task(opened, png):
    both = NoiseAndQuality("denoise 12.34", "dejpeg 42", "onnxruntime")
    assert opened == [("denoise 12.34", "onnxruntime"), ("dejpeg 42", "onnxruntime")]
    assert both.facts == {
        "model": "denoise 12.34", "quality_model": "dejpeg 42", "unit": "sigma of noise"
    }  # fmt: skip
    assert both.caption.startswith("sigma estimated by the network: sigma of noise;")
    row = both.row(png, PIXELS)
    quality = {"quality": 42, "exact": False, "source": "network"}
    assert row == {"sigma": 12.34, "jpeg": quality}
    sigma, text = both.texts(row)
    assert sigma == "12.3" and "42" in text and len(both.columns) == 2


def test_a_picture_that_never_was_a_jpeg_has_no_quality(opened, png):
    both = NoiseAndQuality("denoise 1", "dejpeg 99.5", "tensorflow")
    row = both.row(png, PIXELS)
    assert row["jpeg"] is None and both.texts(row) == ("1.0", "no JPEG")


def test_estimators_that_ship_are_named_in_the_facts(monkeypatch):
    asked = []

    def estimator_for(*words):
        asked.append(words)
        return Estimator(words[0], 1.0)

    monkeypatch.setattr(estimates, "estimator_for", estimator_for)
    facts = NoiseAndQuality(None, None, "tensorflow").facts
    assert asked == [("denoise", None, "tensorflow"), ("dejpeg", None, "tensorflow")]
    names = facts["model"], facts["quality_model"]
    assert names == (TASKS["denoise"].estimator, TASKS["dejpeg"].estimator)


def test_the_level_of_a_task_has_its_source(opened, png):
    one = LevelOfTask(TASKS["photo"], ["photo 7.06"], "tensorflow")
    assert one.facts == {"task": "photo", "unit": TASKS["photo"].unit}
    row = one.row(png, PIXELS)
    assert row == {"level": 7.06, "source": "network", "needed": True}
    assert one.texts(row) == ("7.1", "network") and list(one.columns) == ["level", "source"]


def test_a_task_of_two_levels_has_both(opened, tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(PIXELS).save(path, quality=37)
    both = LevelOfTask(TASKS["denoise+dejpeg"], ["denoise 9", "dejpeg 50"], "tensorflow")
    row = both.row(path, PIXELS)
    assert row["level"] == (9.0, 37.0) and row["source"] == ("network", "tables")
    assert both.texts(row) == ("noise=9 jpeg=37", "network, tables")
