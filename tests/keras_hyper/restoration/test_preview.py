from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from keras_hyper.restoration.preview import EDGE, crop_around, draw_sheet, levels_around, shown
from pipelines import TASKS


def test_levels_are_relative_to_the_strength():
    assert levels_around(TASKS["denoise"], 10.0) == [5.0, 7.5, 10.0, 15.0, 20.0]
    weak, *_, strong = levels_around(TASKS["dejpeg"], 30.0)
    assert weak > 30 > strong
    assert levels_around(TASKS["denoise"], 0.0) == [5.0, 10.0, 15.0, 20.0, 25.0]
    assert levels_around(TASKS["dejpeg"], 100.0) == [90.0, 85.0, 80.0, 75.0, 70.0]


def test_both_levels_of_a_task_of_two_are_scaled():
    both = TASKS["denoise+dejpeg"]
    noise, quality = zip(*levels_around(both, (12.0, 40.0)), strict=True)
    assert noise == (6.0, 9.0, 12.0, 18.0, 24.0)
    assert quality == tuple(levels_around(TASKS["dejpeg"], 40.0)) and quality[2] == 40.0
    undamaged = [(5.0, 90.0), (10.0, 85.0), (15.0, 80.0), (20.0, 75.0), (25.0, 70.0)]
    assert levels_around(both, (0.0, 100.0)) == undamaged


def test_levels_that_cannot_be_scaled_are_the_nearest_of_the_task():
    task = replace(TASKS["photo"], strength=(), all_levels=(2.0, 5.0, 10.0, 20.0, 40.0))
    assert levels_around(task, 12.0) == [2.0, 5.0, 10.0, 12.0, 20.0]
    axes = [replace(axis, single_task=None) for axis in TASKS["denoise+dejpeg"].axes]
    several = replace(TASKS["denoise+dejpeg"], axes=tuple(axes))
    levels = levels_around(several, (15.0, 40.0))
    assert len(levels) == 5 and (15.0, 40.0) in levels and levels == sorted(levels)


@pytest.mark.parametrize(
    ("at", "left", "top"),
    [((0.5, 0.5), 30, 20), ((0, 1), 0, 40), ((1, 0), 60, 0), ((0.54, 0.5), 32, 20)],
)
def test_a_crop_lies_inside_the_picture_at_even_offsets(at, left, top):
    pixels = np.arange(60 * 80).reshape(60, 80, 1)
    crop = crop_around(pixels, at, 20)
    np.testing.assert_array_equal(crop, pixels[top : top + 20, left : left + 20])


def test_a_picture_smaller_than_the_crop_is_whole():
    pixels = np.zeros((10, 30, 3), np.uint8)
    assert crop_around(pixels, (0.5, 0.5), 20).shape == (10, 20, 3)


def test_every_kind_of_pixels_is_shown_as_rgb():
    gray = np.full((6, 4, 1), 32768, np.uint16)
    np.testing.assert_array_equal(shown(gray, 4), np.full((4, 4, 3), 128))
    with_alpha = np.full((4, 4, 4), 0.2, np.float32)
    np.testing.assert_array_equal(shown(with_alpha, 8), np.full((4, 4, 3), 51))


def test_a_sheet_is_filled_row_by_row(tmp_path):
    cells = [(str(value), np.full((8, 8, 3), value, np.uint8)) for value in (10, 20, 30)]
    draw_sheet(cells, 2, 8, tmp_path / "new" / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "new" / "sheet.png"))
    assert sheet.shape == (2 * (8 + EDGE), 16, 3)
    assert [sheet[EDGE, 0, 0], sheet[EDGE, 8, 0], sheet[2 * EDGE + 8, 0, 0]] == [10, 20, 30]
    assert (sheet[2 * EDGE + 8 :, 8:] == 255).all() and sheet[:EDGE].min() < 128  # a label
