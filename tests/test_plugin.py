"""A user's own task, motion blur in a file outside of the repository, works in every command."""

import asyncio
import contextlib
import io
import json
import shlex
import shutil
import sys

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

import train
from benchmarks.paper.__main__ import main as paper
from keras_hyper.cli import main
from keras_hyper.serving.server import Server
from keras_hyper.serving.server.config import ModelConfig, Options
from pipelines import ESTIMATOR_TASKS, TASKS
from pipelines.images import read_picture
from tests.keras_hyper.live.engine import hosted
from tests.keras_hyper.live.requests import PIXELS, opened, png, seen, send_request
from tests.keras_hyper.serving.conftest import SMALL

SOURCE = '''
import keras
import tensorflow as tf

from pipelines import EstimatorTask, Task, register_task


def blur(image, level, seed):
    """Motion along a row over `level` pixels, 1 to 5; edges are reflected."""
    weights = tf.clip_by_value(level / 2 + 0.5 - tf.abs(tf.range(-2.0, 3.0)), 0.0, 1.0)
    padded = tf.pad(image, ((0, 0), (0, 0), (2, 2), (0, 0)), mode="SYMMETRIC")
    parts = [weights[i] * padded[:, :, i : i + tf.shape(image)[2]] for i in range(5)]
    return tf.add_n(parts) / tf.reduce_sum(weights)


def trunk(channels):
    image = keras.Input((None, None, channels))
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    x = keras.layers.Conv2D(channels, 3, padding="same")(x)
    return keras.Model(image, keras.layers.Add()([image, x]))


ROW = Task(
    name="unblur",
    degrade=blur,
    unit="motion in pixels",
    minimum=1.0,
    maximum=5.0,
    levels=(1.5, 3.0, 5.0),
    level_offset=3.0,
    level_scale=2.0,
    margin=4,
    trunk=trunk,
)
register_task(ROW)
register_task(
    EstimatorTask(
        name="estimate-motion",
        of=ROW,
        degrade=blur,
        levels=("1:5",),
        margin=4,
        network={"filters": 4, "probes": 4},
    )
)
'''
TRAINING = ["--steps", "2", "--batch", "2", "--patch", "32", "--precision", "float32"]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """The arguments that name the file."""
    path = tmp_path_factory.mktemp("a user's") / "my_task.py"
    path.write_text(SOURCE)
    yield ["--plugin", str(path)]
    TASKS.pop("unblur")
    ESTIMATOR_TASKS.pop("estimate-motion")
    sys.modules.pop(str(path))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, plugin):
    """Folder of a network trained for two steps, and what was printed."""
    out, said = tmp_path_factory.mktemp("runs"), io.StringIO()
    with contextlib.redirect_stdout(said):
        argv = ["--task", "unblur", "--out", str(out), *TRAINING]
        assert train.main([*argv, *plugin]) == 0
    return out / "unblur", said.getvalue()


@pytest.fixture(scope="module")
def model(trained):
    return trained[0]


@pytest.fixture
def data(tmp_path, photo):
    """A folder of test sets, with one set of one picture."""
    (tmp_path / "data" / "Cats").mkdir(parents=True)
    pixels = np.rint(photo[:40, :48] * 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "data" / "Cats" / "a.png")
    return tmp_path / "data"


def test_training_prints_the_next_command(trained):
    folder, printed = trained
    assert "keras-hyper restore IN OUT --task unblur --level 3 --model" in printed
    assert "CustomRes, 3 channels, 886 parameters" in printed
    assert "my_task.py'" in printed and "motion in pixels" in printed
    assert (folder / "1" / "saved_model.pb").is_file()


def test_restore_and_evaluate_take_the_task(plugin, model, data, tmp_path):
    words = [*plugin, "--task", "unblur", "--model", str(model)]
    picture, out = data / "Cats" / "a.png", tmp_path / "out.png"
    assert main(["restore", str(picture), str(out), "--level", "3", *words]) == 0
    with Image.open(out) as restored:
        assert restored.size == (48, 40)
    file = tmp_path / "rows.json"
    assert main(["evaluate", "--data", str(data), *words, "--levels", "all", "--json",
                 str(file)]) == 0  # fmt: skip
    report = json.loads(file.read_text())
    assert [row["level"] for row in report["rows"]] == [1.5, 3.0, 5.0]
    before = [row["psnr_before"] for row in report["rows"]]
    assert before == sorted(before, reverse=True) and report["protocol_name"] == "plain"
    assert shlex.join(plugin) in report["command"]


def test_preview_prints_commands_with_the_file(plugin, model, data, tmp_path, capsys):
    argv = ["preview", str(data / "Cats" / "a.png"), str(tmp_path / "sheet.png"), "--level", "3"]
    assert main([*argv, "--task", "unblur", "--model", str(model), *plugin]) == 0
    commands = capsys.readouterr().out.splitlines()[1:]
    assert commands and all(line.endswith(shlex.join(plugin)) for line in commands)


def test_export_is_served_and_restores(plugin, model, data, tmp_path):
    assert main(["export", str(model), str(tmp_path / "unblur"), *plugin]) == 0
    picture = str(data / "Cats" / "a.png")
    argv = ["restore", picture, "--task", "unblur", "--level", "3", *plugin]
    configs = [ModelConfig("unblur", tmp_path / "unblur")]
    with Server(lambda: configs, Options(**SMALL)) as server:
        address = f"127.0.0.1:{server.port}"
        assert main([*argv, str(tmp_path / "served.png"), "--server", address]) == 0
    assert main([*argv, str(tmp_path / "here.png"), "--model", str(model)]) == 0
    served, here = (read_picture(tmp_path / f"{name}.png") for name in ("served", "here"))
    np.testing.assert_allclose(served, here, atol=1.5 / 255)


def test_card_has_its_levels_and_unit(plugin, model, data, capsys):
    assert paper(["card", str(model), "--data", str(data / "Cats"), *plugin]) == 0
    text = capsys.readouterr().out
    assert "task `unblur`" in text and "The level is the motion in pixels" in text
    assert "| 1.5 (trained) |" in text and "Protocol plain" in text


def test_report_has_a_table_of_the_task(plugin, model, data, tmp_path):
    argv = ["report", str(model), "--data", str(data), "--out", str(tmp_path), "--name", "page",
            "--noisy", str(data), "--noisy-pictures", "1", *plugin]  # fmt: skip
    assert paper(argv) == 0
    text = (tmp_path / "page.md").read_text()
    assert "unblur, Cats, plain protocol" in text
    assert "PSNR by motion in pixels | 1.5 | 3 | 5 | mean" in text


def test_auto_without_an_estimator_is_a_one_line_error(plugin, model, data, tmp_path, capsys):
    argv = ["restore", str(data), str(tmp_path / "out"), "--task", "unblur", "--level", "auto"]
    assert main([*argv, "--model", str(model), *plugin]) == 2
    error = capsys.readouterr().err
    assert "no estimator ships for unblur: give its level as a number" in error
    assert error.count("\n") == 1


def test_own_estimator_gives_the_level(plugin, model, data, tmp_path, capsys):
    argv = ["train", "--task", "estimate-motion", "--out", str(tmp_path), *TRAINING, *plugin]
    assert main(argv) == 0
    usage = "keras-hyper restore IN OUT --task unblur --level auto --estimator"
    assert usage in capsys.readouterr().out
    argv = ["estimate", str(data), "--task", "unblur", "--json", "-", *plugin]
    assert main([*argv, "--model", str(tmp_path / "estimate-motion")]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert 1 <= row["level"] <= 5 and row["source"] == "network"
    assert main(argv) == 2 and "no estimator ships for unblur" in capsys.readouterr().err
    argv = ["restore", str(data), str(tmp_path / "out"), "--task", "unblur", "--level", "auto"]
    argv += ["--model", str(model), "--estimator", str(tmp_path / "estimate-motion"), *plugin]
    assert main(argv) == 0
    assert "a.png: level" in capsys.readouterr().out


def test_demo_degrades_and_restores(plugin, model, monkeypatch):
    apps = []
    monkeypatch.setattr("aiohttp.web.run_app", lambda app, **_: apps.append(app))
    assert main(["demo", "--models", str(model), *plugin]) == 0

    async def job():
        async with TestClient(TestServer(apps[0])) as client:
            about = await (await client.get("/about")).json()
            picture = await opened(client)
            test = await client.post(f"/pictures/{picture}/test?task=unblur&level=5")
            async with client.ws_connect("/live") as socket:
                await send_request(socket, 1, picture, task="unblur", level=3)
                return about, test.status, seen((await socket.receive()).data)

    about, status, (facts, pixels) = asyncio.run(job())
    (task,) = about["tasks"]
    assert not task["paints"]
    (slider,) = task["sliders"]
    assert (task["name"], slider["unit"], slider["ends"][0]) == ("unblur", "motion in pixels", 1.0)
    assert status == 200 and facts["exact"] and pixels.shape == (10, 20, 4)


def test_page_restores_in_the_browser(plugin, model, tmp_path):
    from playwright.sync_api import sync_playwright

    assert main(["page", str(tmp_path / "site"), "--models", str(model), *plugin]) == 0
    (task,) = json.loads((tmp_path / "site" / "about.json").read_text())["tasks"]
    assert task["name"] == "unblur" and not task["estimates"] and not task["degrades"]
    path = shutil.which("chromium") or shutil.which("google-chrome")
    large = np.tile(PIXELS, (20, 20, 1))  # shown reduced, at a lower level
    with hosted(tmp_path / "site") as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page, faults = browser.new_page(), []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        page.wait_for_function("() => document.querySelector('#task').options.length > 0")
        file = {"name": "a.png", "mimeType": "image/png", "buffer": png(large)}
        page.set_input_files("#file", file)
        page.wait_for_selector("#canvas[data-shown]")
        assert page.is_hidden("#test") and page.is_hidden("#estimate") and faults == []
        browser.close()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "no such file: "),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import nowhere_at_all", "No module named 'nowhere_at_all'"),
    ],
)
def test_wrong_file_is_a_one_line_error(source, words, tmp_path, capsys):
    path = tmp_path / "wrong.py"
    if source is not None:
        path.write_text(source)
    argv = ["--task", "unblur", "--plugin", str(path)]
    for call in (train.main, lambda argv: main(["evaluate", *argv])):
        assert call(argv) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and words in error and "wrong.py" in error


@pytest.mark.parametrize("option", [["--blocks", "2"], ["--method", "adafm"], ["--tail", "light"]])
def test_option_of_another_network_is_refused(option, plugin, tmp_path, capsys):
    assert train.main(["--task", "unblur", "--out", str(tmp_path), *option, *plugin]) == 2
    assert f"expected no {option[0]} with --task unblur" in capsys.readouterr().err


def test_recipe_may_name_the_file(plugin, tmp_path, capsys):
    recipe = tmp_path / "mine.args"
    recipe.write_text(f"--task unblur\n{shlex.join(plugin)}\n--out {tmp_path / 'mine'}\n")
    assert train.main([f"@{recipe}", "--resume"]) == 2
    assert "holds no checkpoint to resume from" in capsys.readouterr().err
