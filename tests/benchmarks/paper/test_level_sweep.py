import numpy as np
import pytest

from benchmarks.paper.level_sweep import level_sweep, monotonicity


@pytest.fixture
def picture(rng):
    return (0.5 + rng.normal(0, 0.05, (16, 16, 3))).astype("float32")


def towards_gray(picture, level):
    return picture + np.float32(level / 100) * (np.float32(0.5) - picture)


def test_stronger_level_changes_more_and_leaves_less_detail(picture):
    rows = level_sweep(towards_gray, picture, [0, 25, 50, 100])
    assert [row["level"] for row in rows] == [0, 25, 50, 100]
    assert rows[0]["change"] == pytest.approx(0.0) and rows[0]["detail"] == pytest.approx(1.0)
    expected = 255 * np.sqrt(np.mean((picture - 0.5) ** 2))
    assert rows[3]["change"] == pytest.approx(expected, rel=1e-4)
    assert rows[2]["detail"] == pytest.approx(0.5, abs=1e-3)
    summary = monotonicity(rows)
    assert summary["increasing"] == 1.0 and summary["decrease"] == 0.0 and summary["at"] is None


def test_decrease_is_found_with_its_size_and_level(picture):
    changes = {10.0: 0.1, 20.0: 0.2, 30.0: 0.15, 40.0: 0.3}
    rows = level_sweep(lambda p, level: 0 * p + 0.5 - changes[level], 0 * picture + 0.5, [*changes])
    summary = monotonicity(rows)
    assert summary["increasing"] == pytest.approx(2 / 3) and summary["at"] == 30.0
    assert summary["decrease"] == pytest.approx(0.05 * 255, rel=1e-4)


def test_drifts_of_brightness_and_colour_are_separate(picture):
    shift = np.array([0.02, 0.02, -0.01], np.float32)
    row, _ = level_sweep(lambda p, level: p + shift * level, picture, [1.0, 0.5])
    assert row["brightness"] == pytest.approx(0.01 * 255, rel=1e-3)
    assert row["colour"] == pytest.approx(0.02 * 255, rel=1e-3)
