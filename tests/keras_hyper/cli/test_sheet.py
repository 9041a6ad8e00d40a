import numpy as np
from PIL import Image

from keras_hyper.cli import sheet
from keras_hyper.export.saved_model import export_saved_model
from pipelines import SAMPLE_PICTURES
from tests.conftest import random_network


def test_sheet_shows_three_pictures_a_level_and_prints_their_psnr(tmp_path, capsys):
    version = export_saved_model(random_network(channels=1, task="dejpeg"), tmp_path / "model")
    out = tmp_path / "sheet.png"
    argv = [str(version), str(SAMPLE_PICTURES / "camera.png"), str(out), "--task", "dejpeg"]
    assert sheet.main([*argv, "--levels", "10", "80"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == ["level 10", "level 80"]
    with Image.open(out) as picture:
        assert picture.size == (3 * sheet.SIDE, 2 * (sheet.SIDE + sheet.EDGE))
        pixels = np.asarray(picture)
    degraded, clean = (pixels[sheet.EDGE : sheet.EDGE + sheet.SIDE, i : i + sheet.SIDE]
                       for i in (0, 2 * sheet.SIDE))  # fmt: skip
    assert clean.std() > 20 and 1 < np.abs(clean.astype(int) - degraded).mean() < 20


def test_a_version_that_is_not_there_is_one_line(tmp_path, capsys):
    picture = SAMPLE_PICTURES / "camera.png"
    assert sheet.main([str(tmp_path / "1"), str(picture), str(tmp_path / "o.png")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
