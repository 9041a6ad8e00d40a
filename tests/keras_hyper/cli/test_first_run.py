import pytest

from keras_hyper import cli
from keras_hyper.cli import first_run
from pipelines import TASKS


def test_it_trains_and_writes_a_sheet(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run, jobs, sheets = cli.run, [], []

    def training(program, job, debug=False):
        if program == "demo":
            return run(program, job, debug)
        jobs.append(program)
        return 0

    monkeypatch.setattr(cli, "run", training)
    monkeypatch.setattr(
        first_run, "write_sheet", lambda *a: sheets.append(a) or [(15.0, 24.5, 30.0)]
    )
    assert first_run.main() == 0
    assert jobs == ["keras-hyper"]  # the arguments of training were accepted
    ((version, picture, task, levels, out),) = sheets
    assert version == first_run.OUT / "denoise" / "1" and task is TASKS["denoise"]
    assert picture.is_file() and levels == first_run.LEVELS
    assert out == first_run.OUT / "sheet.png"
    assert "level 15: PSNR 24.50 dB -> 30.00 dB" in capsys.readouterr().out


def test_failed_training_writes_no_sheet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "run", lambda program, job, debug=False: 1)
    monkeypatch.setattr(first_run, "write_sheet", lambda *a: pytest.fail("sheet after a failure"))
    assert first_run.main() == 1


def test_an_error_of_the_sheet_is_one_line(tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise OSError("no such\nversion")

    monkeypatch.chdir(tmp_path)
    run = cli.run
    monkeypatch.setattr(
        cli, "run", lambda program, job, debug=False: run(program, job) if program == "demo" else 0
    )
    monkeypatch.setattr(first_run, "write_sheet", fail)
    assert first_run.main() == 1
    assert capsys.readouterr().err == "demo: no such version\n"
