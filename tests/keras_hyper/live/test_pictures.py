import io

import numpy as np
import pytest
from PIL import Image

from keras_hyper.live.pictures import MAX_PAINTING_SIDE, NEUTRAL, level_map, read_painting


def painted(gray):
    data = io.BytesIO()
    Image.fromarray(np.asarray(gray, np.uint8)).save(data, "PNG")
    return data.getvalue()


def whole(height, width):
    return slice(0, height), slice(0, width)


def test_gray_keeps_the_level_and_black_and_white_give_the_ends():
    strength = read_painting(painted([[0, NEUTRAL, 255]]))
    np.testing.assert_array_equal(strength, [[-1, 0, 1]])
    levels = level_map(strength, 30.0, (5.0, 75.0), (1, 3), whole(1, 3))
    np.testing.assert_allclose(levels, [[5, 30, 75]], atol=1e-5)


def test_white_lowers_the_level_of_a_falling_task():
    strength = read_painting(painted([[255, 0]]))
    levels = level_map(strength, 40.0, (90.0, 10.0), (1, 2), whole(1, 2))
    np.testing.assert_allclose(levels, [[10, 90]], atol=1e-5)


def test_levels_of_a_part_equal_those_in_the_whole(rng):
    strength = read_painting(painted(rng.integers(0, 256, (7, 9))))
    ends, shape = (5.0, 75.0), (40, 61)
    all_of_it = level_map(strength, 25.0, ends, shape, whole(*shape))
    view = slice(3, 33), slice(11, 60)
    np.testing.assert_array_equal(level_map(strength, 25.0, ends, shape, view), all_of_it[view])
    assert all_of_it.dtype == np.float32 and 5 <= all_of_it.min() < all_of_it.max() <= 75


def test_strength_is_interpolated_between_cells():
    strength = read_painting(painted([[0, 255]]))
    levels = level_map(strength, 0.0, (-1.0, 1.0), (1, 8), whole(1, 8))[0]
    assert (np.diff(levels) >= 0).all() and levels[0] == -levels[-1] and len(set(levels)) > 4


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"hello", "cannot identify"), (b"", "cannot identify"),
     (painted(np.zeros((2, MAX_PAINTING_SIDE + 1))), f"{MAX_PAINTING_SIDE + 1}x2 pixels")],
    ids=["text", "nothing", "large"],
)  # fmt: skip
def test_invalid_painting_is_a_one_line_error(data, said):
    with pytest.raises(ValueError, match=said) as estimated:
        read_painting(data)
    assert "expected a painting of at most 1024 pixels a side" in str(estimated.value)
