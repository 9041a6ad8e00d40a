"""`keras-hyper restore --server` and `--resume`."""

import os
import signal
import subprocess
import sys
import threading

import grpc
import numpy as np
import pytest
from PIL import Image

import keras_hyper
from keras_hyper.cli import main
from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.export.session import ServingSession
from keras_hyper.restoration.pairs import RECORD
from tests.conftest import ROOT, random_network
from tests.keras_hyper.serving.fake_server import FakeServer, serving

# Test runners in the background ignore Ctrl-C, and what they start does too.
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from keras_hyper.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def model():
    return random_network()


@pytest.fixture(scope="module")
def session(model, tmp_path_factory):
    with ServingSession(export_saved_model(model, tmp_path_factory.mktemp("denoise"))) as session:
        yield session


@pytest.fixture
def servicer(session):
    return FakeServer({1: session})


@pytest.fixture
def address(servicer):
    with serving(servicer) as address:
        yield address


@pytest.fixture
def pictures(tmp_path, rng):
    """Seven pictures, the last of 16 bits in a folder of its own."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for number, name in enumerate("abcdef"):
        pixels = rng.integers(0, 256, (30 + number, 41, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    Image.fromarray(rng.integers(0, 65536, (9, 8), dtype=np.uint16)).save(folder / "deep" / "g.png")
    return folder


@pytest.fixture
def call(tmp_path):
    def restore(source, *more, level="25", task="denoise"):
        try:
            return main(["restore", str(source), str(tmp_path / "out"), "--task", task,
                         "--level", level, *more])  # fmt: skip
        except SystemExit as stop:
            return stop.code

    return restore


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def assert_all_restored(pictures, out, model, level=25):
    for path in pictures.rglob("*.png"):
        expected = keras_hyper.restore(read(path), level, model).astype(int)
        written = read(out / path.relative_to(pictures))
        assert np.abs(written.astype(int) - expected).max() <= 1
    assert not (out / RECORD).exists()


def test_concurrent_results_equal_those_of_the_local_network(
    call, servicer, address, pictures, model, tmp_path, capsys
):
    options = ("--server", address, "--concurrency", "3", "--tile", "16")
    assert call(pictures, *options) == 0
    assert_all_restored(pictures, tmp_path / "out", model)
    output = capsys.readouterr()
    assert "7 of 7 restored" in output.out and output.err == ""
    assert 1 < servicer.most_at_once <= 3


def test_resumed_folder_restores_each_picture_once(
    call, servicer, address, pictures, model, tmp_path, capsys
):
    # The server fails from the fifth picture on.
    refusal = (grpc.StatusCode.FAILED_PRECONDITION, "variables are missing")
    servicer.faults = [None] * 5 + [refusal] * 20
    options = ("--server", address, "--concurrency", "2")
    assert call(pictures, *options) == 1
    output = capsys.readouterr().err
    assert output.count("\n") == 1 and f"server {address}, model denoise: FAILED_PREC" in output
    done = len(list((tmp_path / "out").rglob("*.png")))
    assert 2 <= done <= 5 and f"({done} restored before; --resume" in output
    there = {read(path).shape[0] for path in (tmp_path / "out").rglob("*.png")}
    asked = set()  # heights, of which each picture has its own

    def note(request):
        if "image" in request.inputs:
            asked.add(request.inputs["image"].tensor_shape.dim[1].size)

    servicer.before, servicer.faults = note, []
    assert call(pictures, *options) == 2
    assert "--resume skips them" in capsys.readouterr().err
    assert call(pictures, *options, "--resume", level="30") == 2
    assert "expected level 25.0 to resume" in capsys.readouterr().err
    assert call(pictures, *options, "--resume") == 0
    output = capsys.readouterr().out
    assert f"{7 - done} of 7 restored" in output and f"{done} existed" in output
    # A set and not a count, because a cancelled call may reach the server late.
    heights = {read(path).shape[0] for path in pictures.rglob("*.png")}
    assert asked == heights - there
    assert_all_restored(pictures, tmp_path / "out", model)
    servicer.seen = []
    assert call(pictures, *options, "--resume") == 0 and servicer.seen == []
    assert "0 of 7 restored" in capsys.readouterr().out


def test_resuming_without_a_server_restores_changed_pictures(
    call, pictures, model, tmp_path, capsys
):
    file = tmp_path / "model.keras"
    model.save(file)
    options = ("--model", str(file), "--precision", "float32")
    (pictures / "bad.png").write_text("no picture")
    assert call(pictures, *options) == 1
    assert (tmp_path / "out" / RECORD).exists()
    (pictures / "bad.png").unlink()
    changed = pictures / "b.png"
    Image.fromarray(255 - read(changed)).save(changed)
    later = (tmp_path / "out" / "b.png").stat().st_mtime_ns + 1
    os.utime(changed, ns=(later, later))
    capsys.readouterr()
    assert call(pictures, *options, "--resume") == 0
    assert "1 of 7 restored" in capsys.readouterr().out
    assert_all_restored(pictures, tmp_path / "out", model)


def test_picture_refused_by_the_server_is_named(call, servicer, address, pictures, capsys):
    servicer.faults = [None, (grpc.StatusCode.INVALID_ARGUMENT, "too many pixels")]
    assert call(pictures, "--server", address, "--concurrency", "1") == 1
    output = capsys.readouterr().out
    assert "6 of 7 restored" in output
    assert (
        f"refused: {pictures / 'a.png'}: server {address}" in output and "too many pixels" in output
    )


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        (["--server-model", "paint"], 1, "model paint: NOT_FOUND: Servable not found"),
        (["--model", "m.keras"], 2, "or --model, got both"),
        (["--concurrency", "0"], 2, "of at least 1, got 0"),
        (["--timeout", "0"], 2, "timeout=0"),
        (["--halo", "3"], 2, "halo=3"),
        (["--tls-cert", "here.pem"], 2, "together with its key"),
        (["--tls-ca", "nowhere.pem"], 1, "nowhere.pem"),
        (["--level", "25"], 2, "expected one number as --level with --task denoise, got 2 25"),
        (["--task", "sr", "--server-model", "denoise"], 2, "expected a model for sr"),
        (["--resume", "--force"], 2, "not allowed with"),
    ],
    ids=str,
)
def test_errors_are_one_line(call, address, pictures, tmp_path, capsys, more, status, words):
    assert call(pictures, "--server", address, *more, level="2") == status
    output = capsys.readouterr().err
    assert words in output and output.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_single_failed_picture_is_a_one_line_error(
    call, servicer, address, pictures, tmp_path, capsys
):
    (tmp_path / "out").mkdir()
    assert call(pictures / "a.png", "--server", address) == 0
    servicer.faults = [None, (grpc.StatusCode.INTERNAL, "out of order")]
    assert call(pictures / "b.png", "--server", address) == 1
    assert capsys.readouterr().err.endswith("denoise: INTERNAL: out of order\n")


def test_warning_about_the_level_is_printed_once(call, address, pictures, capsys):
    assert call(pictures, "--server", address, level="110") == 0
    output = capsys.readouterr().err
    assert output == "keras-hyper: level 110 is outside the range trained on, 5 to 75\n"


def test_threads_end_with_the_run(call, address, pictures):
    assert call(pictures, "--server", address) == 0
    left = [thread.name for thread in threading.enumerate() if "keras-hyper" in thread.name]
    assert left == []


def test_interruption_does_not_wait_for_running_calls(
    call, servicer, address, pictures, tmp_path, capsys
):
    released, held, waited = threading.Event(), [], []

    def hold(request):
        if request.model_spec.signature_name == "describe":
            return
        if len(list((tmp_path / "out").glob("*.png"))) >= 2:
            if not held:
                held.append(request)
                process.send_signal(signal.SIGINT)
            waited.append(released.wait(60))

    servicer.before = hold
    # Another process: a signal has ended this one, with TensorFlow and servers, without a trace.
    words = ["restore", str(pictures), str(tmp_path / "out"), "--task", "denoise", "--level", "25",
             "--server", address, "--concurrency", "2"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *words],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        error = process.communicate(timeout=60)[1]
        assert process.returncode == 130 and waited == []
    finally:
        released.set()
        process.kill()
    assert error == "keras-hyper: interrupted\n"
    servicer.before = lambda request: None
    assert call(pictures, "--server", address, "--resume") == 0
    assert "of 7 restored" in (output := capsys.readouterr().out) and "existed" in output
