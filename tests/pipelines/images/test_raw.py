"""A RAW file of a camera, as the smallest DNG that LibRaw develops."""

import numpy as np
import pytest
import tifffile

from pipelines.images import read_picture_file, write_picture_file
from tests.pipelines.images.conftest import LIMIT

rawpy = pytest.importorskip("rawpy")


def write_dng(path, mosaic, orientation=1):
    matrix = [int(number * 10000) for number in (1, 0, 0, 0, 1, 0, 0, 0, 1)]
    pairs = [part for number in matrix for part in (number, 10000)]
    tifffile.imwrite(
        path, mosaic, photometric="cfa", metadata=None, software="camera 1",
        extratags=[
            (33421, 3, 2, (2, 2), True), (33422, 1, 4, (0, 1, 1, 2), True),
            (50706, 1, 4, (1, 4, 0, 0), True), (50708, 2, 0, "a camera", True),
            (50721, 10, 9, pairs, True), (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
            (50717, 4, 1, 65535, True), (274, 3, 1, orientation, True),
            (271, 2, 0, "a maker", True),
        ],
    )  # fmt: skip


@pytest.mark.parametrize("orientation", [1, 6])
def test_raw_file_is_developed_upright_to_16_bits(tmp_path, orientation):
    mosaic = np.full((64, 96), 9000, np.uint16)
    mosaic[:32] = 40000
    write_dng(tmp_path / "in.dng", mosaic, orientation)
    picture = read_picture_file(tmp_path / "in.dng", LIMIT)
    pixels = picture.pixels if orientation == 1 else np.rot90(picture.pixels)
    assert picture.pixels.dtype == np.uint16 and pixels.shape == (64, 96, 3)
    assert pixels[8:24].mean() > 1.5 * pixels[40:56].mean()
    assert picture.notes == ("RAW was developed to 16 bits of sRGB",)
    write_picture_file(picture, tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        tags = file.pages[0].tags
        assert tags[271].value == "a maker" and tags[274].value == 1
        assert not {50706, 50721} & set(tags.keys())  # it is no DNG any more
        np.testing.assert_array_equal(file.pages[0].asarray(), picture.pixels)


def test_limit_of_pixels_and_damage_of_raw_files(tmp_path):
    write_dng(tmp_path / "in.dng", np.zeros((64, 96), np.uint16))
    with pytest.raises(ValueError, match="96x64 pixels are more than the limit of 100"):
        read_picture_file(tmp_path / "in.dng", 100)
    (tmp_path / "torn.cr3").write_bytes(b"no RAW file")
    with pytest.raises(ValueError, match=r"torn\.cr3: no RAW file, or a damaged one \(\w\w"):
        read_picture_file(tmp_path / "torn.cr3", LIMIT)


def test_raw_file_with_damaged_pixels_is_refused(tmp_path, monkeypatch):
    write_dng(tmp_path / "in.dng", np.zeros((64, 96), np.uint16))

    def fail(*_, **__):
        raise rawpy.LibRawDataError("Data error")  # text, unlike the errors of opening

    monkeypatch.setattr(rawpy, "imread", fail)
    with pytest.raises(ValueError, match=r"in\.dng: no RAW file, or a damaged one \(Data error\)"):
        read_picture_file(tmp_path / "in.dng", LIMIT)
