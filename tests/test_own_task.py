"""A user's own task, of one function and one row, works in every command."""

import asyncio
import contextlib
import io
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

import train
from benchmarks.paper.__main__ import main as paper
from keras_hyper.cli import main
from pipelines import ESTIMATOR_TASKS, TASKS, EstimatorTask, Task, register_task
from tests.keras_hyper.live.engine import hosted
from tests.keras_hyper.live.requests import PIXELS, opened, png, seen, send_request


def blur(image, level, seed):
    """Mixes each pixel with the mean of its neighbours: level 0 is sharp, 1 is the mean."""
    padded = tf.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="SYMMETRIC")
    return image + level * (tf.nn.avg_pool2d(padded, 3, 1, "VALID") - image)


ROW = Task(
    name="deblur",
    degrade=blur,
    unit="share of the neighbours",
    minimum=0.0,
    maximum=1.0,
    levels=(0.25, 0.5, 1.0),
    level_offset=0.6,
    level_scale=0.4,
    margin=2,
)
TRAINING = ["--steps", "2", "--batch", "2", "--patch", "32", "--precision", "float32"]


@pytest.fixture(scope="module", autouse=True)
def registered():
    register_task(ROW)
    yield
    TASKS.pop("deblur")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, registered):
    """Folder of a network trained for two steps, and what was printed."""
    out, said = tmp_path_factory.mktemp("runs"), io.StringIO()
    with contextlib.redirect_stdout(said):
        assert train.main(["--task", "deblur", "--filters", "8", "--out", str(out), *TRAINING]) == 0
    return out / "deblur", said.getvalue()


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
    assert "keras-hyper restore IN OUT --task deblur --level 0.5 --model" in printed
    assert "share of the neighbours" in printed
    assert (folder / "1" / "saved_model.pb").is_file()


def test_restore_and_evaluate_take_the_task(model, data, tmp_path):
    words = ["--task", "deblur", "--model", str(model)]
    picture, out = data / "Cats" / "a.png", tmp_path / "out.png"
    assert main(["restore", str(picture), str(out), "--level", "0.5", *words]) == 0
    with Image.open(out) as restored:
        assert restored.size == (48, 40)
    file = tmp_path / "rows.json"
    assert main(["evaluate", "--data", str(data), *words, "--levels", "all", "--json",
                 str(file)]) == 0  # fmt: skip
    report = json.loads(file.read_text())
    assert [row["level"] for row in report["rows"]] == [0.25, 0.5, 1.0]
    before = [row["psnr_before"] for row in report["rows"]]
    assert before == sorted(before, reverse=True) and report["protocol_name"] == "plain"


def test_card_has_its_levels_and_unit(model, data, capsys):
    assert paper(["card", str(model), "--data", str(data / "Cats")]) == 0
    text = capsys.readouterr().out
    assert "task `deblur`" in text and "The level is the share of the neighbours" in text
    assert "| 0.25 (trained) |" in text and "Protocol plain" in text


def test_report_has_a_table_of_the_task(model, data, tmp_path):
    argv = ["report", str(model), "--data", str(data), "--out", str(tmp_path), "--name", "page",
            "--noisy", str(data), "--noisy-pictures", "1"]  # fmt: skip
    assert paper(argv) == 0
    text = (tmp_path / "page.md").read_text()
    assert "deblur, Cats, plain protocol" in text
    assert "PSNR by share of the neighbours | 0.25 | 0.5 | 1 | mean" in text


def test_auto_without_an_estimator_is_a_one_line_error(model, data, tmp_path, capsys):
    argv = ["restore", str(data), str(tmp_path / "out"), "--task", "deblur", "--level", "auto"]
    assert main([*argv, "--model", str(model)]) == 2
    error = capsys.readouterr().err
    assert "no estimator ships for deblur: give its level as a number" in error
    assert error.count("\n") == 1


def test_own_estimator_gives_the_level(model, data, tmp_path, capsys):
    row = EstimatorTask(
        name="estimate-blur", of=ROW, degrade=blur, levels=("0:1",), margin=2,
        network={"filters": 4, "probes": 4},
    )  # fmt: skip
    register_task(row)
    try:
        assert train.main(["--task", row.name, "--out", str(tmp_path), *TRAINING]) == 0
        usage = "keras-hyper restore IN OUT --task deblur --level auto --estimator"
        assert usage in capsys.readouterr().out
    finally:
        ESTIMATOR_TASKS.pop(row.name)
    argv = ["restore", str(data), str(tmp_path / "out"), "--task", "deblur", "--level", "auto"]
    argv += ["--model", str(model), "--estimator", str(tmp_path / row.name)]
    assert main(argv) == 0
    assert "a.png: level" in capsys.readouterr().out


def test_demo_degrades_and_restores(model, monkeypatch):
    apps = []
    monkeypatch.setattr("aiohttp.web.run_app", lambda app, **_: apps.append(app))
    assert main(["demo", "--models", str(model)]) == 0

    async def job():
        async with TestClient(TestServer(apps[0])) as client:
            about = await (await client.get("/about")).json()
            picture = await opened(client)
            test = await client.post(f"/pictures/{picture}/test?task=deblur&level=1")
            async with client.ws_connect("/live") as socket:
                await send_request(socket, 1, picture, task="deblur", level=0.5)
                return about, test.status, seen((await socket.receive()).data)

    about, status, (facts, pixels) = asyncio.run(job())
    (task,) = about["tasks"]
    assert (task["name"], task["unit"], task["slider"][0]) == ("deblur", ROW.unit, 0.0)
    assert status == 200 and facts["exact"] and pixels.shape == (10, 20, 4)


def test_page_restores_in_the_browser(model, tmp_path):
    from playwright.sync_api import sync_playwright

    assert main(["page", str(tmp_path / "site"), "--models", str(model)]) == 0
    (task,) = json.loads((tmp_path / "site" / "about.json").read_text())["tasks"]
    assert task["name"] == "deblur" and not task["estimates"] and not task["degrades"]
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
