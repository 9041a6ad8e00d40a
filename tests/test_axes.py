"""A task of two levels, noise and JPEG, works in every command, or is refused in one line."""

import contextlib
import io
import json
import shlex
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image
from tensorflow import make_ndarray

import train
from keras_hyper import estimate
from keras_hyper.cli import main
from keras_hyper.export.card import read_card
from keras_hyper.live.static_site import site_task
from keras_hyper.models import MultiLevel, load_hyper_res, load_level_estimator
from keras_hyper.serving.server import Server
from keras_hyper.serving.server.config import ModelConfig, Options
from keras_hyper.training.callbacks import load_checkpoint
from pipelines.images import middle
from tests.keras_hyper.serving.conftest import SMALL, target_of
from tests.keras_hyper.serving.request_cases import request_for
from tests.runs import arguments, refused

TASK = "denoise+dejpeg"
NAMED = "--level", "noise=15", "jpeg=40"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, photographs):
    """Folder of a network trained for two steps, and what was printed."""
    out, said = tmp_path_factory.mktemp("runs"), io.StringIO()
    with contextlib.redirect_stdout(said):
        assert train.main(arguments(photographs, out, "--tail", "light", task=TASK, steps=2)) == 0
    return out / TASK, " ".join(said.getvalue().split())


@pytest.fixture
def model(trained):
    return str(trained[0])


@pytest.fixture
def picture(photographs):
    return str(photographs / "0.png")


def restored(picture, tmp_path, *words):
    out = tmp_path / "out.png"
    assert main(["restore", *words, "--task", TASK, picture, str(out), "--force"]) == 0
    with Image.open(out) as file:
        return np.asarray(file).astype(int)


def test_training_names_both_levels(trained):
    folder, printed = trained
    assert "levels noise=0:50 jpeg=10:100, 4 levels a step" in printed
    assert "noise25-50_jpeg55-100: " in printed and "noise=12.5 jpeg=32.5" in printed
    assert f"--task {TASK} --level noise=37.5 jpeg=32.5 --model" in printed
    card = read_card(folder / "1")
    assert (card["axes"], card["level_range"]) == (["noise", "jpeg"], [[0, 50], [10, 100]])
    assert card["validation"][0]["level"] == [12.5, 32.5]


def test_a_checkpoint_has_the_axes_of_the_network(trained, rng):
    trainer = load_checkpoint(trained[0], MultiLevel, print)
    image = rng.random((1, 2, 8, 8, 3), dtype="float32")
    level = np.float32([[[15, 40], [30, 90]]])
    assert trainer.main.axes == ["noise", "jpeg"] and int(trainer.optimizer.iterations) == 2
    assert np.ptp(trainer({"image": image, "level": level}) - image) > 0


def test_network_and_saved_model_restore_alike(model, picture, tmp_path):
    keras_file = restored(picture, tmp_path, *NAMED, "--model", model)
    in_order = "--level", "15", "--level", "40"
    np.testing.assert_array_equal(
        restored(picture, tmp_path, *in_order, "--model", model), keras_file
    )
    served = restored(picture, tmp_path, *NAMED, "--model", f"{model}/1")
    assert np.abs(served - keras_file).max() <= 1 < np.abs(keras_file.astype(int)).max()


def test_server_takes_a_level_for_each_axis_of_each_image(trained, rng):
    images = rng.random((1, 10, 12, 3), dtype="float32").repeat(2, axis=0)
    levels = np.float32([[0, 100], [50, 10]])
    expected = np.clip(load_hyper_res(str(trained[0]))({"image": images, "level": levels}), 0, 1)
    models = [ModelConfig("both", trained[0])]
    with Server(lambda: models, Options(**SMALL)) as server:
        target = target_of(server)
        answer = target.predict(request_for("both", image=images, level=levels))
        body = json.dumps({"inputs": {"image": images.tolist(), "level": levels.tolist()}})
        with urlopen(f"{target.rest}/v1/models/both:predict", body.encode()) as response:
            by_rest = json.loads(response.read())["outputs"]
        target.channel.close()
    np.testing.assert_allclose(make_ndarray(answer.outputs["restored"]), expected, atol=1e-5)
    np.testing.assert_allclose(by_rest, expected, atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-4


def test_auto_estimates_both_levels(model, picture, tmp_path, capsys):
    with Image.open(picture) as pixels:
        pixels.resize((160, 128)).save(tmp_path / "a.jpg", quality=40)
    argv = [str(tmp_path / "a.jpg"), "--task", TASK]
    assert main(["estimate", *argv, "--json", "-"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["source"] == ["network", "tables"] and row["level"][1] == 40
    assert main(["estimate", *argv]) == 0
    assert f"noise={row['level'][0]:.1f} jpeg=40" in capsys.readouterr().out
    out = tmp_path / "out.jpg"
    assert main(["restore", *argv, "--model", model, str(out)]) == 0
    assert f"level {row['level'][0]:.3g} 40 (from the network" in capsys.readouterr().out
    with Image.open(out) as restored, Image.open(tmp_path / "a.jpg") as source:
        # A result keeps the tables of its source, unless they are what the task removes.
        assert restored.quantization[0][0] < source.quantization[0][0]


def test_an_estimator_learns_one_axis_and_is_used(model, photographs, picture, tmp_path, capsys):
    task = "estimate-noise-in-jpeg"
    assert train.main(arguments(photographs, tmp_path, task=task, steps=2)) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "levels noise=0:50 jpeg=10:100" in printed and "noise=12.5 jpeg=32.5" in printed
    folder = tmp_path / task
    rows = json.loads((folder / "history.json").read_text())
    assert "val_error_noise0-25_jpeg10-55" in rows[-1]
    estimator = load_level_estimator(str(folder))
    facts = (estimator.task, estimator.axis, estimator.level_range)
    assert facts == (TASK, "noise", [0, 50])
    argv = ["estimate", picture, "--task", TASK, "--json", "-"]
    assert main([*argv, "--model", str(folder)]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    with Image.open(picture) as pixels:
        assert row["level"][0] == pytest.approx(estimate(np.asarray(pixels), estimator))
    argv = ["restore", picture, str(tmp_path / "out.png"), "--task", TASK, "--model", model]
    assert main([*argv, "--estimator", str(folder)]) == 0
    assert f"level {row['level'][0]:.3g} " in capsys.readouterr().out
    assert main(["export", model, str(tmp_path), "--estimator", str(folder)]) == 2
    assert "no estimator for a network of several levels" in capsys.readouterr().err
    argv = arguments(photographs, tmp_path, "--restorer", model, task=task)
    assert "expected no --restorer with --task estimate-noise-in-jpeg" in refused(capsys, argv)


def test_evaluation_measures_a_grid(model, photographs, tmp_path, capsys):
    argv = ["evaluate", "--task", TASK, "--data", str(photographs), "--model", model]
    assert main([*argv, "--levels", "noise=15,60", "jpeg=40", "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "report.json").read_text())["rows"]
    assert [row["level"] for row in rows] == [[15, 40], [60, 40]]
    said = capsys.readouterr()
    assert "noise=60 jpeg=40" in said.out
    assert "level noise=60 jpeg=40 is outside the range trained on, 0 10 to 50 100" in said.err
    assert "| noise=15 jpeg=40 |" in (tmp_path / "report.md").read_text()


def test_export_of_one_vector(model, tmp_path):
    assert main(["export", f"{model}/model.keras", str(tmp_path), *NAMED]) == 0
    assert read_card(tmp_path / "1")["only_level"] == [15, 40]


def test_preview_scales_both_levels_and_prints_commands(model, picture, tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    argv = ["preview", picture, str(sheet), "--task", TASK, "--model", model, "--side", "48"]
    assert main([*argv, "--level", "noise=30", "jpeg=40"]) == 0
    _, *commands = capsys.readouterr().out.splitlines()
    levels = [line.partition("--level ")[2].partition(" --model")[0] for line in commands]
    assert levels == ["noise=15 jpeg=68.8", "noise=22.5 jpeg=53.1", "noise=30 jpeg=40",
                      "noise=45 jpeg=26.7", "noise=60 jpeg=20"]  # fmt: skip
    outside = [line.endswith("# outside the range trained on") for line in commands]
    assert outside == [False] * 4 + [True]
    # The command restores what its cell of the sheet shows.
    words = shlex.split(commands[0], comments=True)
    words[words.index("OUT")] = str(tmp_path / "out.png")
    assert main(words[1:]) == 0
    with Image.open(sheet) as cells, Image.open(tmp_path / "out.png") as file:
        cell = np.asarray(cells.crop((48, 22, 96, 70))).astype(int)
        expected = middle(np.asarray(file).astype(int), 48)
    assert np.abs(expected - cell).max() <= 1
    assert main(argv) == 0
    assert capsys.readouterr().out.count("# estimated") == 1


def test_strength_scales_both_levels(model, picture, tmp_path):
    half = restored(picture, tmp_path, *NAMED, "--model", model, "--strength", "50")
    weaker = "--level", "noise=7.5", "jpeg=68.75"
    np.testing.assert_array_equal(restored(picture, tmp_path, *weaker, "--model", model), half)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["restore", "IN", "OUT", "--task", TASK, "--level", "15"], "expected --level noise=..."),
        (["evaluate", "--task", TASK, "--data", ".", "--levels", "15"], "expected --levels noise"),
        (["preview", "IN", "--task", TASK, "--level", "15"], "expected --level noise=..."),
        (["export", "MODEL", "OUT", "--level", "15"], "expected --level noise=... jpeg=..."),
    ],
)  # fmt: skip
def test_wrong_axes_and_other_commands_are_refused_in_one_line(
    words, message, model, picture, tmp_path, capsys
):
    names = {"IN": picture, "OUT": str(tmp_path / "out.png"), "MODEL": f"{model}/model.keras"}
    argv = [names.get(word, word) for word in words]
    argv += ["--model", model] * (words[0] in ("restore", "evaluate", "preview"))
    try:
        status = main(argv)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert status == 2 and message in error and error.count("\n") == 1


def test_methods_take_one_level_and_the_static_page_several(model, photographs, tmp_path, capsys):
    argv = arguments(photographs, tmp_path, "--method", "cresmd", task=TASK)
    assert "expected no --method with --task denoise+dejpeg" in refused(capsys, argv)
    facts = site_task("both", load_hyper_res(model))
    assert [slider["name"] for slider in facts["sliders"]] == ["noise", "jpeg"]
    assert len(facts["strengths"]) == 2 and not facts["estimates"]
