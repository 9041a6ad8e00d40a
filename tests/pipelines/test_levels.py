import numpy as np
import pytest

from pipelines import get_task, parse_levels
from pipelines.levels import level_number

TASK = get_task("denoise")


def test_list_is_the_same_at_every_step():
    levels = parse_levels(["35", "15"], TASK)
    assert levels.fixed == (15.0, 35.0) and levels.num_levels == 2
    np.testing.assert_array_equal(levels.at_step(0, 7), [15, 35])
    assert levels.names() == ["15", "35"] and str(levels) == "15 35"


def test_range_gives_one_level_in_every_stratum():
    levels = parse_levels(["5:85"], TASK, num_levels=4)
    sampled = np.array([levels.at_step(0, step) for step in range(200)])
    for stratum in range(4):
        low, high = 5 + 20 * stratum, 25 + 20 * stratum
        assert low <= sampled[:, stratum].min() < low + 2
        assert high - 2 < sampled[:, stratum].max() <= high
    assert levels.spread() == (15, 35, 55, 75)
    assert levels.names() == ["5-25", "25-45", "45-65", "65-85"]


def test_a_step_gives_the_same_levels_again():
    levels = parse_levels(["5:90"], TASK)
    np.testing.assert_array_equal(levels.at_step(1, 9), levels.at_step(1, 9))
    assert np.any(levels.at_step(1, 9) != levels.at_step(1, 10))


def test_none_are_the_tasks_own():
    assert parse_levels(None, TASK).fixed == TASK.levels


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["loud"], "'loud'"),
        (["-5"], "0 to 255, got -5"),
        (["nan"], "got nan"),
        (["90:5"], "LOW < HIGH"),
        (["5", "5"], "once"),
        (["5:90", "3"], "'5:90'"),
    ],
)
def test_bad_levels_say_what_came(words, message):
    with pytest.raises(ValueError, match=message):
        parse_levels(words, TASK)


BOTH = get_task("denoise+dejpeg")


def test_several_axes_have_a_stratum_in_every_cell_of_a_grid():
    levels = parse_levels(None, BOTH)
    sampled = np.array([levels.at_step(0, step) for step in range(100)])
    assert sampled.shape == (100, 4, 2)
    cells = [[(0, 10), (25, 55)], [(0, 55), (25, 100)], [(25, 10), (50, 55)], [(25, 55), (50, 100)]]
    for index, (low, high) in enumerate(cells):
        width = np.subtract(high, low)
        assert (sampled[:, index] >= low).all() and (sampled[:, index] <= high).all()
        assert (sampled[:, index].min(axis=0) < low + 0.1 * width).all()
        assert (sampled[:, index].max(axis=0) > high - 0.1 * width).all()
    assert levels.spread() == ((12.5, 32.5), (12.5, 77.5), (37.5, 32.5), (37.5, 77.5))
    assert levels.names()[1] == "noise0-25_jpeg55-100"
    assert str(levels) == "noise=0:50 jpeg=10:100, 4 levels a step"
    assert len(set(parse_levels(["jpeg=30:50"], BOTH, 6).names())) == 6


def test_lists_of_several_axes_are_combined():
    levels = parse_levels(["noise=25,15", "jpeg=40"], BOTH)
    assert levels.fixed == levels.spread() == ((15.0, 40.0), (25.0, 40.0))
    assert levels.num_levels == 2 and levels.names() == ["noise15_jpeg40", "noise25_jpeg40"]
    np.testing.assert_array_equal(levels.at_step(0, 7), [[15, 40], [25, 40]])
    assert str(levels) == "noise=15 jpeg=40, noise=25 jpeg=40"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["15"], "expected --levels noise=... jpeg=..., got 15"),
        (["blur=2"], "got blur=2"),
        (["noise=1:2", "noise=3:4"], "got noise=1:2 noise=3:4"),
        (["noise=15"], r"a list for every axis, or a range for every axis, got noise=15"),
        (["noise=0:300"], "axis noise: expected a level .* from 0 to 255, got 300"),
        (["noise=a:b"], "got 'a'"),
    ],
)
def test_bad_levels_of_several_axes_say_what_came(words, message):
    with pytest.raises(ValueError, match=message):
        parse_levels(words, BOTH)


def test_seeds_of_levels_differ():
    assert level_number(25.0) == 25000
    assert len({level_number(level) for level in [(1, 2), (2, 1), (0, 2), (2, 0)]}) == 4
    assert level_number((255.0,) * 5) < 2**62
