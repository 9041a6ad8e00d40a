"""A RAW file of a camera, as the smallest DNG that LibRaw develops."""

import numpy as np
import pytest
import tifffile

from pipelines.images import read_picture_file, write_picture_file
from tests.pipelines.images.conftest import LIMIT
from tests.pipelines.images.dng import write_dng

rawpy = pytest.importorskip("rawpy")


@pytest.mark.parametrize(("name", "orientation"), [("in.dng", 1), ("in.dng", 6), ("in.KDC", 1)])
def test_raw_file_is_developed_upright_to_16_bits(tmp_path, name, orientation):
    mosaic = np.full((64, 96), 9000, np.uint16)
    mosaic[:32] = 40000
    write_dng(tmp_path / name, mosaic, orientation)
    picture = read_picture_file(tmp_path / name, LIMIT)
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
