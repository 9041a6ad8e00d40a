"""`keras-hyper restore` of small files that lose something elsewhere, by the networks that ship."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from keras_hyper.cli import main
from pipelines.images import read_picture_file
from tests.pipelines.images.conftest import LIMIT

PICTURES = ("all.jpg", "all.png", "all.tif", "all.webp", "cmyk.jpg", "exif_at_end.png",
            "gamma_linear.png", "noisy_gray_sigma25.png", "rgb16.tif")  # fmt: skip


def gray(path):
    with Image.open(path) as picture:
        assert picture.mode == "L"
        return np.asarray(picture, np.float64)


@pytest.mark.parametrize("level", ["25", "auto"])
def test_the_shared_pictures_are_restored_whole(shared, tmp_path, capsys, level):
    folder, out = shared / "cases" / "pictures", tmp_path / "out"
    words = ["restore", str(folder), str(out), "--task", "denoise", "--level", level]
    assert main([*words, "--keep-times"]) == 0
    output = capsys.readouterr().out
    lines = [line for line in output.splitlines() if "cmyk.jpg: " in line]
    assert "CMYK without a profile was converted to sRGB" in "".join(lines)
    assert "1 skipped (1 no picture)" in output
    for name in PICTURES:
        before, after = (read_picture_file(root / name, LIMIT) for root in (folder, out))
        assert after.bits == before.bits and after.pixels.shape == before.pixels.shape
        assert (out / name).stat().st_mtime_ns == (folder / name).stat().st_mtime_ns
    with Image.open(out / "cmyk.jpg") as picture:
        assert picture.mode == "RGB"
        profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"])).profile
        assert profile.xcolor_space.strip() == "RGB"
    clean = gray(folder / "noisy_gray_sigma25.clean.png")
    error = np.square(gray(out / "noisy_gray_sigma25.png") - clean).mean()
    assert 10 * np.log10(255**2 / error) >= 32.7
