import numpy as np
import pytest
from PIL import Image

from keras_hyper import cli
from keras_hyper.cli import sheet
from keras_hyper.export.saved_model import export_saved_model
from pipelines import SAMPLE_PICTURES
from tests.conftest import random_network


def test_sheet_has_three_pictures_per_level_and_prints_their_psnr(tmp_path, capsys):
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


def test_missing_version_is_a_one_line_error(tmp_path, capsys):
    picture = SAMPLE_PICTURES / "camera.png"
    assert sheet.main([str(tmp_path / "1"), str(picture), str(tmp_path / "o.png")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_without_arguments_trains_and_writes_a_sheet(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    jobs, sheets = [], []
    monkeypatch.setattr(cli, "run", lambda program, job, debug: jobs.append(program) or 0)
    monkeypatch.setattr(sheet, "write_sheet", lambda *a: sheets.append(a) or [(15.0, 24.5, 30.0)])
    assert sheet.main([]) == 0
    assert jobs == ["keras-hyper"]  # the arguments of training were accepted
    ((version, picture, task, levels, out),) = sheets
    assert version == sheet.OUT / "denoise" / "1" and task.name == "denoise"
    assert picture.is_file() and levels == sheet.LEVELS and out == sheet.OUT / "sheet.png"
    assert "level 15: PSNR 24.50 dB -> 30.00 dB" in capsys.readouterr().out


def test_failed_training_writes_no_sheet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "run", lambda program, job, debug: 1)
    monkeypatch.setattr(sheet, "write_sheet", lambda *a: pytest.fail("sheet after a failure"))
    assert sheet.main([]) == 1
