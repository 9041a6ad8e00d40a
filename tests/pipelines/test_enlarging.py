import cv2
import numpy as np
import pytest

from pipelines.degradations.bicubic import shrink_and_enlarge
from pipelines.enlarging import enlarge_picture

pytestmark = pytest.mark.usefixtures("plain_opencv")


def test_equals_the_tensor_code(photo):
    pixels = np.rint(photo[:96, :90] * 255).astype(np.uint8)
    small = enlarge_picture(pixels, 32, 30)  # no antialiasing: a smaller size is allowed too
    ours = enlarge_picture(small, 96, 90)
    expected = np.rint(255 * shrink_and_enlarge(pixels[None] / np.float32(255), 3.0)[0].numpy())
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("shape", [(20, 31), (20, 31, 3), (20, 31, 4)])
def test_enlarged_bytes_equal_opencv_across_bands(shape, rng):
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    if shape[-1] == 4:
        pixels[..., 3] = 255
    expected = cv2.resize(pixels, (93, 60), interpolation=cv2.INTER_CUBIC)
    ours = enlarge_picture(pixels, 60, 93, band=16)
    assert ours.dtype == np.uint8 and ours.shape == expected.shape
    assert np.abs(ours.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_colour_of_transparent_pixels_does_not_bleed(dtype):
    peak = 1 if dtype == np.float32 else np.iinfo(dtype).max
    pixels = np.zeros((16, 16, 4), dtype)
    pixels[5:11, 4:9] = np.array([0.75, 0.5, 0.25, 1]) * peak
    enlarged = enlarge_picture(pixels, 48, 40, band=16)
    seen = enlarged[..., 3] > peak * 1e-5
    assert (enlarged[..., 3][seen] < peak).sum() > 0
    difference = enlarged[seen][:, :3].astype(float) - pixels[6, 6, :3]
    assert np.abs(difference).max() <= peak * 1e-5 + (dtype != np.float32)
    # Alpha itself is enlarged as a gray picture.
    np.testing.assert_array_equal(enlarged[..., 3], enlarge_picture(pixels[..., 3], 48, 40))


def test_enlarged_sixteen_bits_keep_their_depth(rng):
    pixels = (rng.random((12, 10)) * 65535).astype(np.uint16)
    expected = cv2.resize(pixels, (20, 24), interpolation=cv2.INTER_CUBIC)
    ours = enlarge_picture(pixels, 24, 20)
    # OpenCV has weights in float here, ours are in 1/2048.
    assert ours.dtype == np.uint16
    assert np.abs(ours.astype(int) - expected).max() <= 65535 / 1024
