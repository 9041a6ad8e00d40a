import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines import SAMPLE_PICTURES
from pipelines.images import read_picture
from pipelines.jpeg_traces import quality_of_pixels


@pytest.fixture(scope="module", params=[1, 3], ids=["gray", "colour"])
def clean(request):
    return read_picture(SAMPLE_PICTURES / "coffee.png", request.param)


def through_jpeg(picture, quality):
    pixels = Image.fromarray(np.rint(picture * 255).astype(np.uint8).squeeze())
    data = io.BytesIO()
    pixels.save(data, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(data), np.float32) / 255
    return decoded.reshape(picture.shape)


@pytest.mark.parametrize("quality", [5, 10, 37, 50, 75, 90, 95, 98])
def test_the_quality_is_told_exactly(clean, quality):
    assert quality_of_pixels(through_jpeg(clean, quality)) == quality


@pytest.mark.parametrize(("top", "left"), [(3, 5), (8, 1), (7, 7)])
def test_blocks_are_found_in_a_crop(clean, top, left):
    assert quality_of_pixels(through_jpeg(clean, 40)[top:, left:]) == 40


def test_the_last_compression_is_told(clean):
    assert quality_of_pixels(through_jpeg(through_jpeg(clean, 80), 50)) == 50


def test_what_was_never_compressed_tells_nothing(clean, rng):
    assert quality_of_pixels(clean) is None
    assert quality_of_pixels(rng.random((64, 64, 3), dtype="float32")) is None


def test_a_resized_picture_tells_nothing(clean):
    smaller = tf.image.resize(through_jpeg(clean, 40), (233, 350), method="bicubic").numpy()
    assert quality_of_pixels(np.clip(smaller, 0, 1)) is None


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sides", [(16, 16), (17, 90)])
def test_flat_pictures_tell_nothing(value, sides):
    assert quality_of_pixels(np.full((*sides, 1), value, np.float32)) is None


def test_too_small_says_what_came():
    with pytest.raises(ValueError, match="Received: 40x15"):
        quality_of_pixels(np.zeros((15, 40, 3), np.float32))
