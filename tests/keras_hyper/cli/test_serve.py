"""The server as a process that is started, stopped and killed, and killed exports."""

import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_hyper.cli import main
from keras_hyper.serving.server.config import ModelConfig
from keras_hyper.serving.server.models import Model
from tests.conftest import ROOT, random_network
from tests.keras_hyper.serving.conftest import MODELS, Target
from tests.keras_hyper.serving.request_cases import floats
from tests.keras_hyper.serving.responses import arrays, ask

EXPORT = MODELS / "denoise" / "1"


def start(*arguments):
    """Starts a server on free ports; returns the process and its addresses."""
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_hyper", "serve", "--port", "0", "--rest-port", "0",
         "--poll", "0.1", *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    first = process.stdout.readline()
    ports = re.findall(r"127\.0\.0\.1:(\d+)", first)
    assert len(ports) == 2, first
    return process, Target(f"127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}")


def end(process, target, number):
    target.channel.close()
    process.send_signal(number)
    process.stdout.close()
    return process.wait(60)


def wrong(capsys, *arguments):
    """Runs a command that must refuse its arguments; returns the error line."""
    try:
        status = main(["serve", *map(str, arguments)])
    except SystemExit as leaving:
        status = leaving.code
    error = capsys.readouterr().err
    assert status == 2 and error.count("\n") == 1 and "Traceback" not in error
    return error


def test_wrong_arguments_are_a_one_line_error(capsys, tmp_path):
    assert "required" in wrong(capsys)
    assert "no such folder" in wrong(capsys, "--models", tmp_path / "nowhere")
    assert "cannot be read" in wrong(capsys, "--model_config_file", tmp_path / "nowhere")
    assert "--batch: expected a whole number of at least 1, got '0'" in wrong(
        capsys, "--models", tmp_path, "--batch", 0
    )
    assert "--port: expected a whole number from 0 to 65535, got '70000'" in wrong(
        capsys, "--models", tmp_path, "--port", 70_000
    )
    assert "needs --cert and --key" in wrong(capsys, "--models", tmp_path, "--cert", "x")
    pem = tmp_path / "pem"
    pem.write_text("no certificate")
    line = wrong(capsys, "--models", tmp_path, "--cert", pem, "--key", pem)
    assert "certificates cannot be read" in line


def test_traces_without_their_packages_are_a_one_line_error(capsys, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "keras_hyper.serving.server.traces", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    assert ".[traces]" in wrong(capsys, "--models", str(tmp_path), "--traces")


def test_restarted_server_serves_the_newest_complete_version_until_sigterm(tmp_path):
    folder = tmp_path / "denoise"
    shutil.copytree(EXPORT, folder / "1")
    process, target = start("--models", tmp_path)
    expected = arrays(target.predict(floats()))["restored"]
    assert end(process, target, signal.SIGKILL) == -signal.SIGKILL
    # A killed copy leaves the graph and half of the other files.
    shutil.copytree(EXPORT, folder / "2")
    shutil.copytree(EXPORT, folder / "3")
    shutil.rmtree(folder / "3" / "variables")
    # The second time from a file of configuration, with a label.
    config = tmp_path / "models.config"
    config.write_text(
        f'model_config_list {{ config {{ name: "restorer" base_path: "{folder}" '
        'model_platform: "tensorflow" version_labels { key: "stable" value: 2 } } }'
    )
    process, target = start("--model_config_file", config)
    for label in (None, "stable"):
        answer = target.predict(floats(model="restorer", label=label))
        assert answer.model_spec.version.value == 2
        np.testing.assert_allclose(arrays(answer)["restored"], expected, atol=1e-5)
    assert ask(f"{target.rest}/v1/models/restorer/labels/stable")[0] == 200
    assert end(process, target, signal.SIGTERM) == 0
    with pytest.raises(OSError):
        socket.create_connection(target.address.split(":"), timeout=5)


def test_model_without_the_file_of_a_named_engine_is_not_served(tmp_path):
    shutil.copytree(EXPORT, tmp_path / "denoise" / "1")
    process, target = start("--models", tmp_path, "--engine", "onnxruntime")
    status, answer = ask(f"{target.rest}/v1/models/denoise")
    assert status == 200
    text = answer["model_version_status"][0]["status"]["error_message"]
    assert "--format onnx --force writes it" in text
    assert end(process, target, signal.SIGTERM) == 0


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "model.keras"
    random_network().save(path)
    return path


# Seconds after the first file appears: while files are written, and during the check.
@pytest.mark.parametrize("delay", [0.0, 1.0])
def test_killed_export_leaves_no_incomplete_version(network, tmp_path, delay):
    folder = tmp_path / "denoise"
    shutil.copytree(EXPORT, folder / "1")
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_hyper", "export", str(network), str(folder)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while process.poll() is None and not list(folder.glob(".partial-*/*")):
        time.sleep(0.01)
    time.sleep(delay)
    process.kill()
    process.wait()
    model = Model(ModelConfig("denoise", folder))
    model.poll()
    # Either no new version, or a complete one.
    assert model.available == [2 if (folder / "2").is_dir() else 1]
    assert {path.name for path in folder.iterdir() if path.name.isdecimal()} <= {"1", "2"}
    hold = model.acquire()
    image, level = np.full((1, 8, 9, 3), 0.5, np.float32), np.float32([25])
    restored = hold.loaded.run("serving_default", {"image": image, "level": level})["restored"]
    if hold.number == 2:
        expected = np.clip(random_network()({"image": image, "level": level}), 0, 1)
        np.testing.assert_allclose(restored, expected, atol=1e-5)
    hold.release()
    model.close()
