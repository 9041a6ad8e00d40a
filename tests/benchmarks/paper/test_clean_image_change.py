import numpy as np
import pytest

from benchmarks.paper.clean_image_change import clean_image_change, flat_pictures


def test_flat_pictures_have_one_colour_in_whole_levels():
    for channels, count in ((1, 3), (3, 7)):
        pictures = flat_pictures(channels)
        assert len(pictures) == count
        for picture in pictures.values():
            assert picture.shape == (96, 96, channels) and picture.dtype == np.float32
            assert (picture == picture[0, 0]).all()
            np.testing.assert_allclose(255 * picture, np.rint(255 * picture), atol=1e-4)


def test_change_and_drift_are_in_8_bit_levels():
    def shifted(picture, level):
        moved = picture.copy()
        moved[..., 0] += level / 255  # one channel in three
        moved[::2, :, 1] += 2 / 255
        moved[1::2, :, 1] -= 2 / 255
        return moved

    gray, white = clean_image_change(shifted, {"a": np.full((4, 4, 3), 0.2, np.float32),
                                     "white": np.ones((4, 4, 3), np.float32)}, 3.0)  # fmt: skip
    assert gray["picture"] == "a"
    assert gray["change"] == pytest.approx((3 + 2) / 3) and gray["drift"] == pytest.approx(3)
    # White cannot become whiter, because the result is clipped.
    assert white["change"] == pytest.approx((0 + 1) / 3) and white["drift"] == pytest.approx(1)
