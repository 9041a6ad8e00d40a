import subprocess
import sys

import cv2
import numpy as np
import pytest

from pipelines.color import LIMITED_BLACK, LIMITED_LUMA, LUMA, luma


def test_full_range_luma_equals_opencv(rng):
    image = rng.random((5, 7, 3), dtype=np.float32)
    expected = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    np.testing.assert_allclose(luma(image), expected, atol=1e-6)


def test_the_weights_keep_white_and_black():
    assert LUMA.sum() == pytest.approx(1.0, abs=1e-6)
    # BT.601: 16 is black and 235 is white.
    assert LIMITED_BLACK == 16.0
    assert LIMITED_BLACK + LIMITED_LUMA.sum() == pytest.approx(235.0, abs=1e-4)


def test_the_two_ranges_have_the_same_weights():
    np.testing.assert_allclose(LIMITED_LUMA / 219, LUMA, atol=1e-6)


def test_color_and_images_load_neither_keras_nor_tensorflow():
    code = (
        "import sys, pipelines.color, pipelines.images;"
        "sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
