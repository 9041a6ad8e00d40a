import numpy as np
import pytest

from pipelines import get_task, parse_levels

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
