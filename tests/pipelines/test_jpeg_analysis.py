import io

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines import SAMPLE_PICTURES
from pipelines.images import read_picture
from pipelines.jpeg_analysis import JpegQuality, is_jpeg, jpeg_quality, quality_of_pixels


@pytest.fixture
def picture(rng):
    return Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_every_quality_of_pillow_is_read_back(picture, tmp_path, mode):
    path = tmp_path / "a.jpg"
    for quality in range(1, 101):
        picture.convert(mode).save(path, quality=quality)
        assert jpeg_quality(path) == JpegQuality(quality, True)


def test_every_quality_of_opencv_is_read_back(picture, tmp_path):
    path = tmp_path / "a.jpg"
    for quality in range(1, 101):
        cv2.imwrite(str(path), np.asarray(picture), [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert jpeg_quality(path) == JpegQuality(quality, True)


def test_foreign_tables_give_the_nearest_and_a_flag(picture, tmp_path):
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=60)
    with Image.open(data) as written:
        tables = {place: list(table) for place, table in written.quantization.items()}
    tables[0][5] += 3
    path = tmp_path / "a.jpg"
    picture.save(path, qtables=tables)
    assert jpeg_quality(path) == JpegQuality(60, False)
    assert str(jpeg_quality(path)) == "about 60, foreign tables"


def test_luma_and_chroma_of_two_qualities_are_foreign(picture, tmp_path):
    written = []
    for quality in (40, 80):
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=quality)
        with Image.open(data) as one:
            written.append({place: list(table) for place, table in one.quantization.items()})
    path = tmp_path / "a.jpg"
    picture.save(path, qtables={0: written[0][0], 1: written[1][1]})
    assert jpeg_quality(path) == JpegQuality(40, False)


def test_a_jpeg_is_known_by_its_first_bytes(picture, tmp_path):
    picture.save(tmp_path / "a.png", "JPEG")
    picture.save(tmp_path / "b.jpg", "PNG")
    assert is_jpeg(tmp_path / "a.png") and not is_jpeg(tmp_path / "b.jpg")


def test_the_quality_of_camera_tables_is_the_nearest(picture):
    found = jpeg_quality(SAMPLE_PICTURES / "rocket.jpg")
    assert not found.exact and 90 <= found.quality <= 99


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"camera.png: expected a JPEG file, got a PNG"):
        jpeg_quality(SAMPLE_PICTURES / "camera.png")
    (tmp_path / "a.jpg").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no picture, or a damaged one"):
        jpeg_quality(tmp_path / "a.jpg")


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
def test_the_quality_of_pixels_is_exact(clean, quality):
    assert quality_of_pixels(through_jpeg(clean, quality)) == quality


@pytest.mark.parametrize(("top", "left"), [(3, 5), (8, 1), (7, 7)])
def test_the_quality_of_a_crop_is_estimated(clean, top, left):
    assert quality_of_pixels(through_jpeg(clean, 40)[top:, left:]) == 40


def test_the_last_compression_is_estimated(clean):
    assert quality_of_pixels(through_jpeg(through_jpeg(clean, 80), 50)) == 50


def test_uncompressed_pictures_have_no_quality(clean, rng):
    assert quality_of_pixels(clean) is None
    assert quality_of_pixels(rng.random((64, 64, 3), dtype="float32")) is None


def test_a_resized_picture_has_no_quality(clean):
    smaller = tf.image.resize(through_jpeg(clean, 40), (233, 350), method="bicubic").numpy()
    assert quality_of_pixels(np.clip(smaller, 0, 1)) is None


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sides", [(16, 16), (17, 90)])
def test_flat_pictures_have_no_quality(value, sides):
    assert quality_of_pixels(np.full((*sides, 1), value, np.float32)) is None


def test_small_pictures_are_refused():
    with pytest.raises(ValueError, match="at least 16x16 pixels, got 40x15"):
        quality_of_pixels(np.zeros((15, 40, 3), np.float32))
