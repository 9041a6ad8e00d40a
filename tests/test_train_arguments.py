"""Arguments of train.py that are refused."""

import pytest

from tests.runs import arguments, refused


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--levels", "-5", "25"], "got -5"),
        (["--levels", "nan"], "got nan"),
        (["--levels", "300"], "0 to 255, got 300"),
        (["--data", "nowhere"], "no such folder: nowhere"),
        (["--valid", "nowhere"], "no such folder: nowhere"),
        (["--task", "paint"], "'paint'"),
        (["--steps", "0"], "at least 1, got '0'"),
        (["--channels", "4"], "choose from"),
        (["--resume"], "no checkpoint to resume from"),
        (["--init-from", "nowhere"], "nowhere"),
        (["--init-from", "denoise"], "with blocks 1, got one with blocks 4"),
        (["--loss", "l2"], "choose from"),
        (["--task", "estimate", "--loss", "psnr"], "expected no --loss with --task estimate"),
        (["--rate", "0"], "above 0, got '0'"),
        (["--shrink", "0.5", "1.5"], "below 1, got '1.5'"),
        (["--soften", "0"], "above 0, got '0'"),
    ],
    ids=str,
)
def test_wrong_arguments_are_a_one_line_error_and_leave_nothing(
    photographs, tmp_path, capsys, more, words
):
    out = tmp_path / "out"
    assert words in refused(capsys, arguments(photographs, out, *more))
    assert not out.exists()


def test_folder_without_pictures_is_refused(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    argv = arguments(tmp_path / "empty", tmp_path / "out")
    assert "has no pictures" in refused(capsys, argv)


def test_other_run_is_not_overwritten(photographs, tmp_path, capsys):
    (tmp_path / "denoise").mkdir()
    (tmp_path / "denoise" / "model.keras").write_text("precious")
    assert "holds another run" in refused(capsys, arguments(photographs, tmp_path))
    assert (tmp_path / "denoise" / "model.keras").read_text() == "precious"


def test_estimator_begins_as_an_estimator_alone(photographs, tmp_path, capsys):
    argv = arguments(photographs, tmp_path, "--init-from", "denoise", task="estimate")
    assert "no such file: denoise (shipped models: estimate, estimate_noise_in_jpeg" in (
        refused(capsys, argv)
    )


def test_estimator_has_its_own_recipes(photographs, tmp_path, capsys):
    argv = arguments(photographs, tmp_path, "--recipe", "authors", task="estimate")
    assert "No recipe 'authors' for this task" in refused(capsys, argv)
