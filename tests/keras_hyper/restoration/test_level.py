import argparse
import dataclasses
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_hyper.errors import WrongArgumentError
from keras_hyper.restoration import level
from pipelines import TASKS
from tests.conftest import random_estimator


def task_with(**facts):
    """Noise from 1 to 90, whose estimates count from 2 on."""
    known = {"level_of_file": None, "level_of_pixels": None, "luma_differs": False,
             "estimator_limit": 2.0, "minimum": 1.0, "maximum": 90.0}  # fmt: skip
    return dataclasses.replace(TASKS["denoise"], **{**known, **facts})


@pytest.fixture
def estimated(monkeypatch):
    """Replaces the estimator by one that returns a constant and records its pictures.

    `by_rank` has what it returns for the lowest or the highest of the crops.
    """

    def replace(value, by_rank=None):
        pictures = []

        def estimate_once(picture, model, rank=None):
            pictures.append(picture)
            return value if rank is None else by_rank[rank]

        monkeypatch.setattr("keras_hyper.restoration.level.estimate", estimate_once)
        return pictures

    return replace


@pytest.mark.parametrize(
    ("value", "facts", "expected", "needed"),
    [(59.9, {}, 59.9, True), (2.0, {}, 2.0, True), (0.4, {}, 1.0, False), (95.0, {}, 90.0, True),
     (41.6, {"whole_levels": True}, 42.0, True), (0.0, {"estimator_limit": None}, 1.0, True),
     (1.9, {"rising": False}, 1.9, True), (2.1, {"rising": False}, 2.1, False)],
)  # fmt: skip
def test_an_estimate_is_bounded_by_the_task(estimated, value, facts, expected, needed):
    estimated(value)
    task = task_with(**facts)
    found = level.find_level(task, Path("a.png"), np.zeros((20, 20), np.uint8), object())
    assert found == level.UsedLevel(expected, "network", exact=False, needed=needed)


def test_the_file_precedes_the_pixels_and_those_the_estimator(estimated):
    estimated(30.0)
    picture, facts = np.zeros((20, 20), np.uint8), {"level_of_pixels": lambda pixels: 20}
    assert level.find_level(task_with(), Path("a"), picture) is None
    assert level.find_level(task_with(), Path("a"), picture, object()).source == "network"
    found = level.find_level(task_with(**facts), Path("a"), picture, object())
    assert found == level.UsedLevel(20.0, "pixels")
    recorded = types.SimpleNamespace(quality=10, exact=False)
    facts["level_of_file"] = lambda path: recorded
    found = level.find_level(task_with(**facts), Path("a"), picture, object())
    assert found == level.UsedLevel(10.0, "tables", exact=False)


@pytest.mark.parametrize(
    ("channels", "differs", "shape", "seen"),
    [
        (1, True, (20, 20, 3), 1),
        (3, True, (20, 20, 3), 3),
        (1, False, (20, 20, 3), 3),
        (1, True, (20, 20, 4), 1),
        (1, True, (20, 20), 1),
    ],
)
def test_a_gray_network_gets_the_level_of_the_luma(estimated, channels, differs, shape, seen):
    pictures = estimated(30.0)
    task = task_with(luma_differs=differs)
    level.find_level(task, Path("a"), np.zeros(shape, np.uint8), object(), channels)
    assert pictures[0].shape == (20, 20, seen)


def test_a_used_level_names_its_source():
    assert str(level.UsedLevel(42.123, "network")) == "level 42.1 (from the network)"
    assert str(level.UsedLevel(10.0, "tables")) == "level 10 (from the file's tables)"


def test_a_level_is_a_number_or_auto():
    assert level.level_or_auto("auto") == level.AUTO == "auto"
    assert level.level_or_auto("2.5") == 2.5
    for text in ("Auto", "b", "1,5"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"number or auto, got '{text}'"):
            level.level_or_auto(text)


def test_a_given_level_is_checked_once_and_used_for_every_picture():
    choose = level.level_choice(TASKS["denoise"], 25)
    assert choose(Path("a"), None) is choose(Path("b"), None)
    assert choose(Path("a"), None) == level.UsedLevel(25.0, "", True)
    with pytest.raises(WrongArgumentError, match="0 to 255, got 300"):
        level.level_choice(TASKS["denoise"], 300.0)


@pytest.fixture
def estimators(monkeypatch):
    """Replaces the estimators that ship: they are of the tasks in their names."""
    loaded = []

    def load(name, engine):
        loaded.append(name)
        return random_estimator(task="dejpeg" if name == "estimate_quality" else "denoise")

    monkeypatch.setattr(level, "open_estimator", load)
    return loaded


def test_the_estimator_is_the_named_one_or_that_of_the_task(estimators):
    assert level.estimator_for("denoise").task == "denoise"
    assert level.estimator_for("dejpeg").task == "dejpeg"
    level.estimator_for("denoise", "mine")
    assert estimators == ["estimate", "estimate_quality", "mine"]
    with pytest.raises(WrongArgumentError, match="an estimator for dejpeg, got one for denoise"):
        level.estimator_for("dejpeg", "mine")
    with pytest.raises(WrongArgumentError, match="an estimator for denoise, got one for dejpeg"):
        level.estimator_for("denoise", "estimate_quality")
    with pytest.raises(
        WrongArgumentError, match=r"ships for sr: .* number \(denoise, dejpeg, photo have one\)"
    ):
        level.estimator_for("sr")


def test_auto_estimates_the_level_of_each_picture(estimators, estimated):
    pictures = estimated(30.0)
    choose = level.level_choice(TASKS["denoise"], level.AUTO)
    picture = np.zeros((20, 20, 3), np.uint8)
    assert choose(Path("a.png"), picture) == level.UsedLevel(30.0, "network", exact=False)
    assert pictures[0].shape == (20, 20, 3)  # by default the network has colour
    gray = level.level_choice(TASKS["denoise"], level.AUTO, "mine", channels=1)
    gray(Path("a.png"), picture)
    assert pictures[1].shape == (20, 20, 1) and estimators == ["estimate", "mine"]


def test_a_picture_that_never_was_a_jpeg_needs_nothing(estimators, estimated, tmp_path):
    estimated(99.0)
    (tmp_path / "a.png").write_bytes(b"no JPEG")
    picture = np.full((20, 20), 90, np.uint8)
    choose = level.level_choice(TASKS["dejpeg"], level.AUTO)
    assert not choose(tmp_path / "a.png", picture).needed
    # Without a chosen task the network is not asked.
    choose = level.level_choice(TASKS["dejpeg"], level.AUTO, chosen=False)
    assert choose(tmp_path / "a.png", picture) is None and estimators == ["estimate_quality"]
    assert level.quality_of_jpeg(tmp_path / "a.png", picture, object()) is None


@pytest.mark.parametrize(("quality", "needed"), [(40, True), (75, True), (76, False), (92, False)])
def test_without_a_chosen_task_fine_jpegs_need_nothing(estimators, tmp_path, quality, needed):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (32, 32), "teal").save(path, quality=quality)
    picture = np.full((32, 32, 3), 90, np.uint8)
    used = level.level_choice(TASKS["dejpeg"], level.AUTO, chosen=False)(path, picture)
    assert used == level.UsedLevel(float(quality), "tables", needed=needed)
    assert level.level_choice(TASKS["dejpeg"], level.AUTO)(path, picture).needed


@pytest.mark.parametrize(("least", "needed"), [(3.4, False), (3.5, True)])
def test_without_a_chosen_task_each_crop_must_have_the_noise(estimators, estimated, least, needed):
    # Texture looks like noise, but seldom everywhere.
    estimated(8.0, {0: least})
    picture = np.full((20, 20, 3), 90, np.uint8)
    used = level.level_choice(TASKS["photo"], level.AUTO, chosen=False)(Path("a.png"), picture)
    known = {"source": "network", "exact": False}
    assert used == level.UsedLevel(8.0 if needed else least, needed=needed, **known)
    assert level.level_choice(TASKS["photo"], level.AUTO)(Path("a.png"), picture).level == 8.0


def test_of_a_falling_task_the_highest_level_is_the_least_damage(estimators, estimated):
    estimated(30.0, {-1: 80.0})
    task = dataclasses.replace(TASKS["dejpeg"], level_of_file=None)
    used = level.level_choice(task, level.AUTO, chosen=False)(Path("a.png"), np.zeros((20, 20)))
    assert used == level.UsedLevel(80.0, "network", exact=False, needed=False)


def test_the_quality_of_a_jpeg_is_a_whole_number_with_its_source(estimated, tmp_path):
    estimated(41.6)
    (tmp_path / "a.png").write_bytes(b"no JPEG")
    picture = np.full((20, 20), 90, np.uint8)
    assert level.quality_of_jpeg(tmp_path / "a.png", picture) is None
    found = level.quality_of_jpeg(tmp_path / "a.png", picture, object())
    assert (found.quality, found.exact, found.source) == (42, False, "network")


def test_strength_scales_the_level():
    weaker = level.level_choice(TASKS["denoise"], 20.0, strength=0.5)
    assert weaker(Path("a.png"), np.zeros((20, 20))) == level.UsedLevel(10.0)
    # A JPEG of quality 25 is twice as coarse as one of quality 50.
    milder = level.level_choice(TASKS["dejpeg"], 25.0, strength=0.5)
    assert milder(Path("a.png"), np.zeros((20, 20))).level == pytest.approx(50.0)


def test_strength_scales_an_estimate(estimators, estimated):
    estimated(12.0)
    choose = level.level_choice(TASKS["denoise"], level.AUTO, strength=1.5)
    used = choose(Path("a.png"), np.zeros((20, 20), np.uint8))
    assert used == level.UsedLevel(18.0, "network", exact=False)


def test_an_enlargement_has_no_strength():
    with pytest.raises(WrongArgumentError, match="expected no --strength with --task sr"):
        level.level_choice(TASKS["sr"], 2.0, strength=0.5)


BOTH = TASKS["denoise+dejpeg"]


@pytest.mark.parametrize("words", [["noise=15 jpeg=40"], ["jpeg=40", "noise=15"], [15.0, 40.0]])
def test_a_level_for_each_axis_is_named_or_in_order(words):
    assert level.chosen_level(words, BOTH) == (15.0, 40.0)
    assert str(level.UsedLevel((15.0, 40.0))) == "level 15 40"


@pytest.mark.parametrize(
    ("words", "task", "message"),
    [
        ([15.0], BOTH, "expected --level noise=... jpeg=..., got 15"),
        ([15.0, 40.0, 1.0], BOTH, "expected --level noise=... jpeg=..., got 15 40 1"),
        (["noise=15"], BOTH, "expected --level noise=... jpeg=..., got noise=15"),
        (["noise=a jpeg=40"], BOTH, "expected --level noise=... jpeg=..., got noise=a"),
        (["noise=15 blur=2"], BOTH, "expected --level noise=... jpeg=..., got noise=15 blur=2"),
        (["noise=15 jpeg=0"], BOTH, r"axis jpeg: expected a level .* from 1 to 100, got 0"),
        (["auto", 15.0], BOTH, "expected --level noise=... jpeg=..., got auto 15"),
        (
            ["noise=15"],
            TASKS["denoise"],
            "expected one number as --level with --task denoise, got noise=15",
        ),
        (
            [15.0, 40.0],
            TASKS["denoise"],
            "expected one number as --level with --task denoise, got 15 40",
        ),
        ([15.0], None, "expected --task with --level"),
    ],
)
def test_other_words_are_refused(words, task, message):
    with pytest.raises(WrongArgumentError, match=message):
        level.chosen_level(words, task)


def test_no_words_or_auto_are_auto():
    assert level.chosen_level(None, BOTH) == level.chosen_level(["auto"], None) == level.AUTO


def test_each_axis_is_estimated_as_by_its_task(estimators, estimated, tmp_path):
    estimated(30.4)
    Image.new("RGB", (32, 32), "teal").save(tmp_path / "a.jpg", quality=40)
    picture = np.full((20, 20, 3), 90, np.uint8)
    choose = level.level_choice(BOTH, level.AUTO)
    used = choose(tmp_path / "a.jpg", picture)
    assert used == level.UsedLevel((30.4, 40.0), ("network", "tables"), exact=False)
    assert str(used) == "level 30.4 40 (from the network, the file's tables)"
    assert estimators == ["estimate_noise_in_jpeg", "estimate_quality"]


def test_an_axis_without_damage_gets_its_weakest_level(estimated, tmp_path):
    estimated(99.0)
    path, picture = tmp_path / "a.png", np.full((20, 20), 90, np.uint8)
    path.write_bytes(b"no JPEG")
    found = level.find_levels(BOTH, path, picture, (object(), object()))
    assert found.level == (99.0, 100.0) and found.needed
    assert level.find_levels(BOTH, path, picture, (object(), None)) is None


def test_an_estimator_of_one_axis_replaces_its_own(estimators):
    own, quality = level.estimators_for(BOTH, ["mine"])
    assert estimators == ["mine", "estimate_quality"] and own.task == "denoise"
    with pytest.raises(WrongArgumentError, match="for photo, got one for denoise"):
        level.estimators_for(TASKS["photo"], ["mine"])
    axes = [dataclasses.replace(axis, single_task=None, estimator="") for axis in BOTH.axes]
    with pytest.raises(WrongArgumentError, match="no estimator ships for denoise.dejpeg: give its"):
        level.estimators_for(dataclasses.replace(BOTH, axes=tuple(axes)))


def test_an_estimator_trained_for_an_axis_comes_before_that_of_its_level_alone(monkeypatch):
    both, noise = random_estimator(task=BOTH.name, axis="noise"), random_estimator(task="denoise")
    quality = random_estimator(task="dejpeg")
    assert level.fitting_estimators(BOTH, [noise, both, None]) == [both, None]
    assert level.fitting_estimators(TASKS["denoise"], [both, noise]) == [noise]
    assert level.fitting_estimators(TASKS["denoise"], [both]) == [None]
    files = {"axis": both, "mine": both, "estimate": noise, "estimate_quality": quality}
    monkeypatch.setattr(level, "open_estimator", lambda name, engine: files[name])
    assert level.estimators_for(BOTH, ["mine"]) == [both, quality]
    with pytest.raises(WrongArgumentError, match="for denoise, got one for denoise.dejpeg"):
        level.estimators_for(TASKS["denoise"], ["mine"])
    for estimator, expected in (("axis", both), ("", noise)):
        axes = dataclasses.replace(BOTH.axes[0], estimator=estimator), BOTH.axes[1]
        found = level.estimators_for(dataclasses.replace(BOTH, axes=axes))
        assert found == [expected, quality]
