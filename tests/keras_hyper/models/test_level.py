import numpy as np
import pytest

from keras_hyper.models.level import checked_level, checked_table, interpolated, levels_of_batch
from tests.conftest import assert_close, assert_equal


@pytest.mark.parametrize("shape", [(), (3,), (3, 5, 4)])
def test_a_level_is_one_number_one_an_image_or_a_map(shape):
    level = checked_level(np.full(shape, 25))
    assert tuple(level.shape) == shape and "float32" in str(level.dtype)
    axes = checked_level(np.full((*shape, 2), 25), axes=2)
    assert tuple(axes.shape) == (*shape, 2)


def test_a_last_axis_of_one_is_dropped():
    assert tuple(checked_level(np.zeros((3, 1))).shape) == (3,)
    assert tuple(checked_level(np.zeros((3, 5, 4, 1))).shape) == (3, 5, 4)


@pytest.mark.parametrize(
    ("shape", "axes"), [((3, 2), 0), ((1, 2, 3, 2), 0), ((), 2), ((3,), 2), ((3, 5, 2), 2)]
)
def test_other_shapes_are_refused(shape, axes):
    with pytest.raises(ValueError, match="expected `level` of shape"):
        checked_level(np.zeros(shape), axes)


@pytest.mark.parametrize(
    ("level", "axes", "expected"),
    [
        (25, 0, [25, 25, 25]),
        ([1, 2, 3], 0, [1, 2, 3]),
        ([[1], [2], [3]], 0, [1, 2, 3]),
        ((15, 40), 2, [[15, 40]] * 3),
        ([[1, 2], [3, 4], [5, 6]], 2, [[1, 2], [3, 4], [5, 6]]),
    ],
)
def test_every_image_of_a_batch_gets_a_level(level, axes, expected):
    levels = levels_of_batch(level, 3, axes)
    assert levels.dtype == np.float32
    assert_equal(levels, expected)


@pytest.mark.parametrize(
    ("level", "axes", "words"),
    [
        (None, 0, "expected `level` as numbers, got None"),
        ("25", 0, "expected `level` as numbers, got '25'"),
        ([1, 2], 0, "expected a level for each of 3 images, got 2"),
        ([1, 2, 3], 2, "expected 2 numbers for each level"),
    ],
)
def test_levels_that_do_not_fit_a_batch_are_refused(level, axes, words):
    with pytest.raises(ValueError, match=words):
        levels_of_batch(level, 3, axes)


def test_a_table_is_linear_between_its_points_and_beyond_the_outer_two():
    table = checked_table([[5, -1], [25, 0], [75, 0.5]])
    levels = [0, 5, 15, 25, 50, 75, 125]
    assert_close(interpolated(levels, table), [-1.25, -1, -0.5, 0, 0.25, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize(
    "table", [[[5, 0]], [[5, 0], [5, 1]], [[9, 0], [5, 1]], [[5, 0], [9, 1], [20, 0]]]
)
def test_tables_that_do_not_ascend_are_refused(table):
    with pytest.raises(ValueError, match="expected levels that ascend and monotone scalars"):
        checked_table(table)
    assert checked_table([[5, 1], [9, 0]]) == [[5.0, 1.0], [9.0, 0.0]] and checked_table([]) == []
