import types
from pathlib import Path

import numpy as np
import pytest

from keras_hyper.restoration import level


def task_with(**facts):
    """The fields of a task that `find_level` reads."""
    known = {"level_of_file": None, "level_of_pixels": None, "luma_differs": False,
             "estimator_limit": 60.0, "minimum": 1.0, "whole_levels": False}  # fmt: skip
    return types.SimpleNamespace(**{**known, **facts})


@pytest.fixture
def estimated(monkeypatch):
    """Replaces the estimator by one that returns a constant and records its pictures."""

    def replace(value):
        pictures = []

        def estimate_once(picture, model):
            pictures.append(picture)
            return value

        monkeypatch.setattr("keras_hyper.restoration.estimate.estimate", estimate_once)
        return pictures

    return replace


@pytest.mark.parametrize(
    ("value", "whole", "expected"),
    [(59.9, False, 59.9), (60.0, False, None), (0.4, False, 1.0), (41.6, True, 42.0)],
)
def test_an_estimate_is_bounded_by_the_task(estimated, value, whole, expected):
    estimated(value)
    task = task_with(whole_levels=whole)
    found = level.find_level(task, Path("a.png"), np.zeros((20, 20), np.uint8), object())
    assert found == (expected and level.UsedLevel(expected, "network", exact=False))


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
