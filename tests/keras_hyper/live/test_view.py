import io

import numpy as np
import pytest
from PIL import Image

from keras_hyper import restore
from keras_hyper.live.view import MOST_PIXELS, as_png, checked_box, restored_view
from tests.conftest import random_network


@pytest.mark.parametrize(
    "box", [(0, 0, 9, 7), (13, 21, 30, 17), (50, 33, 100, 100), (-5, -5, 9, 9)]
)
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_a_view_equals_that_part_of_the_whole(rng, box, kind):
    model = random_network()
    pixels = rng.random((61, 83, 3))
    peak = np.iinfo(kind).max if kind != "float32" else 1
    pixels = (pixels * peak).astype(kind)
    view = checked_box(box, pixels.shape)
    part = restored_view(pixels, view, 25.0, model)
    whole = restore(pixels, 25.0, model)[view]
    assert part.dtype == whole.dtype and part.shape == whole.shape
    # A sum may round to the other side.
    bound = 1e-5 if kind == "float32" else 1
    assert np.abs(part.astype(float) - whole).max() <= bound


@pytest.mark.parametrize(
    "box",
    [(), (1, 2, 3), ("a", 0, 1, 1), (0, 0, 0, 5), (90, 0, 5, 5), (0, 0, -4, 4), None,
     (float("nan"), 0, 1, 1), (float("inf"), 0, 1, 1), (0, 0, 5000, 5000)],
    ids=str,
)  # fmt: skip
def test_a_wrong_box_says_what_came(box):
    with pytest.raises(ValueError, match="Received"):
        checked_box(box, (5000, 83, 3) if box != (0, 0, 5000, 5000) else (5000, 5000, 3))
    assert MOST_PIXELS < 5000 * 5000


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 2), (5, 4, 3), (5, 4, 4)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_kind_of_pixels_becomes_a_png(rng, shape, kind):
    pixels = rng.integers(0, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)
    with Image.open(io.BytesIO(as_png(pixels))) as shown:
        seen = np.asarray(shown)
    expected = np.rint(pixels / np.iinfo(kind).max * 255)
    np.testing.assert_allclose(seen, expected.squeeze(), atol=1)
