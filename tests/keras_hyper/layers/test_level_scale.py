import numpy as np
import pytest

from keras_hyper.layers import LevelScale
from tests.conftest import assert_close


def test_the_ends_of_the_range_become_minus_one_and_one():
    scale = LevelScale((5, 75))
    assert scale.level_range == (5.0, 75.0) and scale.axes == 1
    assert_close(scale(np.float32([5, 40, 75, 110])), [-1, 0, 1, 2], atol=1e-6)
    assert tuple(scale(np.array(40, np.float32)).shape) == ()


def test_each_axis_has_its_range():
    scale = LevelScale([(0, 50), (10, 100)])
    assert scale.axes == 2 and scale.level_range == ((0.0, 50.0), (10.0, 100.0))
    assert_close(scale(np.float32([[0, 100], [25, 55]])), [[-1, 1], [0, 0]], atol=1e-6)
    assert_close(scale(np.float32([50, 10])), [1, -1], atol=1e-6)
    with pytest.raises(ValueError, match="expected 2 numbers for each level, got"):
        scale(np.float32([1, 2, 3]))


@pytest.mark.parametrize(
    "level_range", [(5, 5), (75, 5), (1, 2, 3), 5, [(0, 1), (2, 2)], [[(0, 1)]]]
)
def test_other_ranges_are_refused(level_range):
    with pytest.raises(ValueError, match="expected `level_range` of a lowest and a highest level"):
        LevelScale(level_range)


def test_the_scalar_is_not_rounded_in_another_precision():
    scale = LevelScale((0, 255), dtype="mixed_bfloat16")
    assert scale.compute_dtype == "float32"
    assert_close(scale(np.float32([101.3])), [2 * 101.3 / 255 - 1], atol=1e-6)
