import io

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines import SAMPLE_PICTURES
from pipelines.jpeg_quality import JpegQuality, is_jpeg, jpeg_quality


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


def test_a_cameras_own_tables_are_near(picture):
    found = jpeg_quality(SAMPLE_PICTURES / "rocket.jpg")
    assert not found.exact and 90 <= found.quality <= 99


def test_what_is_no_jpeg_says_what_it_is(tmp_path):
    with pytest.raises(ValueError, match=r"camera.png: a JPEG .* this is a PNG"):
        jpeg_quality(SAMPLE_PICTURES / "camera.png")
    (tmp_path / "a.jpg").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no picture, or a damaged one"):
        jpeg_quality(tmp_path / "a.jpg")
