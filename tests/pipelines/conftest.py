import cv2
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def paths(tmp_path, rng):
    """Three small pictures, of which the last is larger than the others in either direction."""
    found = []
    for number, sides in enumerate([(40, 50), (61, 33), (90, 90)]):
        pixels = rng.integers(0, 256, (*sides, 3), dtype=np.uint8)
        found.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).save(found[-1])
    return found


@pytest.fixture
def plain_opencv():
    """OpenCV by its plain code: the vectorised one rounds some sums to the other side."""
    ipp = cv2.ipp.useIPP()
    cv2.setUseOptimized(False)
    cv2.ipp.setUseIPP(False)
    yield
    cv2.setUseOptimized(True)
    cv2.ipp.setUseIPP(ipp)
