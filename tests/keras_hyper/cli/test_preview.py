import numpy as np
import pytest
from PIL import Image

from keras_hyper.cli import main
from keras_hyper.models.level_estimator import KNEE
from tests.conftest import random_estimator, random_network


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    random_network().save(root / "denoise.keras")
    estimator = random_estimator()
    *weights, kernel, bias = estimator.get_weights()
    estimator.set_weights([*weights, 0 * kernel, bias * 0 + np.log1p(12.0 / KNEE)])
    estimator.save(root / "estimate.keras")
    return root


@pytest.fixture
def picture(tmp_path, rng):
    path = tmp_path / "a b.png"
    Image.fromarray(rng.integers(0, 256, (90, 120, 4), dtype=np.uint8)).save(path)
    return path


def preview(models, *words):
    model = models / "denoise.keras"
    return main(["preview", *map(str, words), "--task", "denoise", "--model", str(model)])


def test_sheet_has_the_picture_and_five_levels(models, picture, tmp_path, capsys):
    out = tmp_path / "new" / "sheet.png"
    assert preview(models, picture, out, "--level", 10, "--side", 48) == 0
    sheet = np.asarray(Image.open(out))
    assert sheet.shape == (2 * (48 + 22), 3 * 48, 3)
    middle = np.asarray(Image.open(picture))[20:68, 36:84, :3]
    np.testing.assert_array_equal(sheet[22:70, :48], middle)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(out) and len(lines) == 6
    assert lines[3].startswith(f"keras-hyper restore '{picture}' OUT --task denoise --level 10 ")
    assert "--level 20 " in lines[5]


def test_crop_is_restored_as_in_the_whole_picture(models, picture, tmp_path):
    out, whole = tmp_path / "sheet.png", tmp_path / "whole.png"
    preview(models, picture, out, "--level", 10, "--side", 32, "--at", 0, 1)
    model = str(models / "denoise.keras")
    main(["restore", str(picture), str(whole), "--task", "denoise", "--level", "10",
          "--model", model])  # fmt: skip
    cell = np.asarray(Image.open(out))[22 + 32 + 22 :, :32].astype(int)
    pixels = np.asarray(Image.open(whole))[..., :3].astype(int)
    # The corner of the picture: the crop has no margin there, and its middle is shown.
    assert (
        min(
            np.abs(pixels[top : top + 32, left : left + 32] - cell).max()
            for top in range(0, 58, 2)
            for left in range(0, 88, 2)
        )
        <= 1
    )


def test_level_auto_is_marked(models, picture, tmp_path, capsys):
    out = tmp_path / "sheet.png"
    assert preview(models, picture, out, "--estimator", models / "estimate.keras") == 0
    marked = [line for line in capsys.readouterr().out.splitlines() if line.endswith("# estimated")]
    assert len(marked) == 1 and "--level 12 " in marked[0]


def test_without_a_task_it_is_what_the_picture_needs(tmp_path, capsys):
    picture, out = tmp_path / "a.jpg", str(tmp_path / "sheet.png")
    ramp = np.linspace(60, 180, 96 * 128 * 3).reshape(96, 128, 3).astype(np.uint8)
    for quality, task in ((30, "dejpeg"), (98, "photo")):
        Image.fromarray(ramp).save(picture, quality=quality)
        assert main(["preview", str(picture), out, "--side", "32"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert all(f" --task {task} --level " in line for line in lines[1:])
    (marked,) = [line for line in lines if "# estimated" in line]
    assert "  # estimated: restore leaves the picture as it is" in marked
    assert main(["preview", str(picture), out, "--level", "5"]) == 2
    assert "expected --task with --level" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--side", 8], ["--at", 2, 0]])
def test_wrong_arguments_are_a_one_line_error(models, picture, words, capsys):
    assert preview(models, picture, "--level", 10, *words) == 2
    assert "expected --side of 16 and up and --at in 0..1" in capsys.readouterr().err
