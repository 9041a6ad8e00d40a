import warnings

import numpy as np
import pytest

from keras_hyper.restoration.kinds import (
    checked_level,
    checked_picture,
    fill_transparent,
    split_alpha,
    through_channels,
    to_float,
    to_type,
)


@pytest.mark.parametrize("output", [-0.5, 1.5])
def test_a_gray_network_is_clipped_before_its_luma_is_combined(output):
    image = np.float32([[[0.2, 0.4, 0.6]]])
    restored = through_channels(image, 1, lambda gray: np.full_like(gray, output))
    gray = image @ np.float32([[0.299], [0.587], [0.114]])
    np.testing.assert_allclose(restored, image + np.clip(output, 0, 1) - gray, atol=1e-6)


def test_a_colour_network_is_clipped_before_its_luma_is_taken():
    image = np.full((1, 1, 1), 0.5, np.float32)
    restored = through_channels(image, 3, lambda _: np.float32([[[-1.0, 2.0, 0.5]]]))
    np.testing.assert_allclose(restored, [[[0.587 + 0.5 * 0.114]]], atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_equal_channels_are_passed_through_without_a_clip(channels):
    image = np.full((2, 2, channels), 1.5, np.float32)
    np.testing.assert_array_equal(through_channels(image, channels, lambda x: x + 1), image + 1)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 2), (2, 3, 3), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pictures_have_up_to_four_channels(shape, dtype):
    picture = np.zeros(shape, dtype)
    assert checked_picture(picture) is picture


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((2, 3, 0)), r"1 to 4\), got \(2, 3, 0\)"),
        (np.zeros((2, 3, 5)), r"1 to 4\), got \(2, 3, 5\)"),
        (np.zeros((1, 2, 3, 3)), r"got \(1, 2, 3, 3\)"),
        (np.zeros((0, 3)), r"expected a picture with pixels, got shape \(0, 3\)"),
        (np.zeros((2, 3), bool), "expected uint8, uint16 or float pixels, got bool"),
    ],
)
def test_other_pictures_are_refused(picture, words):
    with pytest.raises(ValueError, match=words):
        checked_picture(picture)


@pytest.mark.parametrize("value", [-0.5, 1.5])
def test_float_pixels_may_overshoot_by_half(value):
    picture = np.full((2, 2), value)
    assert checked_picture(picture) is picture
    with pytest.raises(ValueError, match=r"expected float pixels in \[0, 1\]"):
        checked_picture(picture * 1.01)


def test_levels_at_the_ends_of_the_range_cause_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for level in (5.0, 75.0):
            assert checked_level(level, (2, 3), (5, 75), "sigma") == level
        assert checked_level(0.0, (2, 3), (0, 75), "sigma") == 0


@pytest.mark.parametrize(
    ("level", "text"),
    [(4.9, "level 4.9 is"), (75.1, "level 75.1 is"), ([[5, 80]], "level 5 to 80 is")],
)
def test_levels_outside_the_range_cause_a_warning(level, text):
    expected = f"{text}.* outside the range trained on, 5 to 75 .sigma.$"
    with pytest.warns(UserWarning, match=expected):
        found = checked_level(level, (1, 2), (5, 75), "sigma")
    assert found.dtype == np.float32


@pytest.mark.parametrize("level", [-1e-3, np.inf, [[1, np.nan]], [[1, -1]], [1, 2]])
def test_invalid_levels_are_refused(level):
    with pytest.raises(ValueError, match="expected"):
        checked_level(level, (1, 2), (0, 75), "sigma")


def test_alpha_is_the_last_of_two_and_of_four_channels(rng):
    for channels in (2, 4):
        picture = rng.random((3, 2, channels))
        pixels, alpha = split_alpha(picture)
        np.testing.assert_array_equal(np.concatenate([pixels, alpha], -1), picture)
        assert alpha.shape == (3, 2, 1)
    assert split_alpha(rng.random((3, 2)))[0].shape == (3, 2, 1)
    assert split_alpha(rng.random((3, 2, 3)))[1] is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_become_floats_and_return(dtype):
    peak = np.iinfo(dtype).max
    pixels = np.array([0, 1, peak // 2, peak], dtype)
    floats = to_float(pixels)
    assert floats.dtype == np.float32 and (floats[0], floats[-1]) == (0, 1)
    np.testing.assert_array_equal(to_type(floats, np.dtype(dtype)), pixels)
    rounded = to_type(np.float32([-0.1, 0.6 / peak, 0.4 / peak, 1.1]), np.dtype(dtype))
    np.testing.assert_array_equal(rounded, [0, 1, 0, peak])


def test_floats_are_clipped_both_ways():
    values = np.array([-0.2, 0.25, 1.2])
    np.testing.assert_array_equal(to_float(values), np.float32([0, 0.25, 1]))
    clipped = to_type(values, np.dtype(np.float64))
    assert clipped.dtype == np.float64 and [*clipped] == [0, 0.25, 1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_transparent_pixels_get_the_colour_around_them(dtype):
    picture = np.zeros((9, 14, 4), dtype)
    picture[2:6, 3:7] = [0, 0, 0, 1]
    picture[2:6, 3:7, 0] = 1
    filled = fill_transparent(picture)
    assert filled.dtype == dtype
    np.testing.assert_array_equal(filled[..., :3], np.broadcast_to([1, 0, 0], (9, 14, 3)))
    np.testing.assert_array_equal(filled[..., 3], picture[..., 3])


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_pictures_without_transparent_pixels_are_not_filled(rng, channels):
    picture = rng.integers(1, 256, (5, 4, channels), dtype=np.uint8)
    assert fill_transparent(picture) is picture
    empty = np.zeros((5, 4, 4), np.uint8)
    assert fill_transparent(empty) is empty


def test_several_axes_have_a_level_and_a_range_each():
    ranges = ((0, 50), (10, 100))
    np.testing.assert_array_equal(checked_level([15, 40], (2, 9), ranges, "u"), [15, 40])
    for wrong in (15.0, [15, 40, 3], np.zeros((2, 9))):
        with pytest.raises(ValueError, match=r"expected 2 levels \(u\), got shape"):
            checked_level(wrong, (2, 9), ranges, "u")
    with pytest.warns(match="level 5 is outside the range trained on, 10 to 100"):
        checked_level([15, 5], (2, 9), ranges, "u")
