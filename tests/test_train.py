"""train.py: short runs on small pictures."""

import contextlib
import io
import json
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import train
from keras_hyper import LevelEstimator
from keras_hyper.export.session import ServingSession
from tests.conftest import ROOT
from tests.runs import LEVELS, arguments, refused


@pytest.fixture(scope="module")
def complete(photographs, tmp_path_factory):
    """The folder of a run of six steps, and what it printed."""
    out, said = tmp_path_factory.mktemp("complete"), io.StringIO()
    with contextlib.redirect_stdout(said):
        assert train.main(arguments(photographs, out, *LEVELS)) == 0
    return out, said.getvalue()


@pytest.fixture
def out(complete, tmp_path):
    """A copy of that folder."""
    shutil.copytree(complete[0], tmp_path / "out")
    return tmp_path / "out"


def test_run_writes_all_documented_files(photographs, complete):
    check_files(photographs, *complete, "denoise")


@pytest.mark.parametrize(
    ("task", "more"),
    [
        ("dejpeg", ["--channels", "1", "--levels", "10:80", "--num-levels", "2"]),
        ("sr", ["--levels", "2", "3", "--recipe", "authors", "--loss", "charbonnier"]),
    ],
)
def test_run_of_another_task_writes_the_same_files(photographs, tmp_path, capsys, task, more):
    assert train.main(arguments(photographs, tmp_path, *more, task=task)) == 0
    check_files(photographs, tmp_path, capsys.readouterr().out, task)


def check_files(photographs, out, said, task):
    run = out / task
    model = keras.models.load_model(run / "model.keras")
    assert model.task == task and model.dtype_policy.name == "float32"
    assert f"{model.count_params():,} parameters" in said
    assert "keras-hyper restore" in said and "tensorboard --logdir" in said
    assert (run / "best.keras").is_file()
    history = json.loads((run / "history.json").read_text())
    assert [row["step"] for row in history] == [3, 6]
    assert all(np.isfinite(list(row.values())).all() for row in history)
    assert list((run / "logs").rglob("events*"))
    card = json.loads((run / "1" / "assets.extra" / "card.json").read_text())
    assert card["data"] == str(photographs)
    assert card["training"]["steps"] == "6"
    assert card["training"]["seconds"] == history[-1]["seconds"] > 0
    pixels = np.zeros((1, 8, 8, model.channels), np.float32)
    with ServingSession(run / "1") as session:
        level = model.level_range[1]
        inputs = {"image": pixels, "level": np.float32([level])}
        restored = session.predict("serving_default", inputs)["restored"]
    expected = np.clip(model({"image": pixels, "level": level}), 0, 1)
    np.testing.assert_allclose(restored, expected, atol=1e-5)


def test_resumed_run_ends_with_the_same_weights(photographs, complete, tmp_path, capsys):
    argv = arguments(photographs, tmp_path, *LEVELS)
    assert interrupted(argv, 4) == 130
    assert "after step 4; --resume continues from there" in capsys.readouterr().err
    assert train.main([*argv, "--resume"]) == 0
    runs = complete[0] / "denoise", tmp_path / "denoise"
    first, second = (keras.models.load_model(run / "model.keras") for run in runs)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        # Threads add the sums of a step in varying order.
        np.testing.assert_allclose(a, b, atol=1e-5)
    rows = [json.loads((run / "history.json").read_text()) for run in runs]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]]
    assert rows[0][-1]["val_loss"] == pytest.approx(rows[1][-1]["val_loss"], abs=1e-5)


def test_second_stage_leaves_the_first_frozen_and_is_resumed(
    photographs, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("keras_hyper.training.stages._SEARCHED_LEVELS", 2)
    more = ["--method", "adafm", "--levels", "15", "50", "--filters", "4"]
    argv = arguments(photographs, tmp_path, *more)
    assert interrupted(argv, 5) == 130
    error = refused(capsys, [*argv, "--resume", "--steps", "9"])
    assert "has stages and steps 6, which --resume cannot change; got 9" in error
    assert train.main([*argv, "--resume"]) == 0
    run = tmp_path / "denoise"
    assert [row["step"] for row in json.loads((run / "history.json").read_text())] == [3, 6]
    middle = keras.models.load_model(run / "checkpoint_previous.keras")
    assert middle.stage == 1 and int(middle.optimizer.iterations) == 2
    assert {variable.name for variable in middle.trainable_variables} == {"gain", "shift"}
    model = keras.models.load_model(run / "model.keras")
    for before, after in zip(middle.main.weights, model.weights, strict=True):
        frozen = before.name not in ("gain", "shift")
        assert np.array_equal(before, after) == frozen, before.path
    found = json.loads((run / "coefficients.json").read_text())
    assert found["table"] == model.level_table and found["levels"] == [15.0, 50.0]
    assert np.shape(found["psnr"]) == (2, len(found["coefficients"]))
    assert (run / "1" / "saved_model.pb").exists()


def interrupted(argv, step):
    """Runs train.py and sends it Ctrl-C during a step; returns its exit status."""
    from keras_hyper.training.callbacks import ProgressBar

    original = ProgressBar.on_train_batch_end

    def at_step(self, batch, logs=None):
        original(self, batch, logs)
        if self.step == step:
            # As Ctrl-C does. A signal has ended this process, with TensorFlow, without a trace.
            signal.getsignal(signal.SIGINT)(signal.SIGINT, None)

    ProgressBar.on_train_batch_end = at_step
    try:
        return train.main(argv)
    finally:
        ProgressBar.on_train_batch_end = original


def test_run_is_initialised_from_another_network(photographs, complete, tmp_path, capsys):
    start = str(complete[0] / "denoise")
    more = ["--init-from", start, "--rate", "1e-9", "--shrink", "0.75"]
    argv = arguments(photographs, tmp_path, *more, steps=3)
    assert interrupted(argv, 2) == 130
    whole = [word for word in argv if word not in more[-2:]]
    assert "has shrink [0.75]" in refused(capsys, [*whole, "--resume"])
    assert train.main([*argv, "--resume"]) == 0
    said = capsys.readouterr().out
    assert f"initialised from  {start}" in said and "levels  15 50\n" in said
    first, then = (
        keras.models.load_model(out / "denoise" / "model.keras") for out in (complete[0], tmp_path)
    )
    for a, b in zip(first.get_weights(), then.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)
    card = json.loads((tmp_path / "denoise/1/assets.extra/card.json").read_text())
    assert card["training"]["init_from"] == start and card["training"]["shrink"] == "[0.75]"


def test_killed_run_resumes_from_its_last_checkpoint(photographs, tmp_path):
    argv = arguments(photographs, tmp_path, steps=100_000)
    process = subprocess.Popen(
        [sys.executable, "train.py", *argv], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    checkpoint = tmp_path / "denoise" / "checkpoint.keras"
    for _ in range(600):
        if checkpoint.exists() or process.poll() is not None:
            break
        time.sleep(0.2)
    process.kill()
    process.wait()
    step = int(keras.models.load_model(checkpoint).optimizer.iterations)
    assert step > 0 and step % 3 == 0
    assert interrupted([*argv, "--resume"], step + 2) == 130
    assert int(keras.models.load_model(checkpoint).optimizer.iterations) == step + 2


def test_non_finite_loss_stops_and_keeps_the_checkpoint(photographs, tmp_path, capsys, monkeypatch):
    from keras_hyper.training.restoring import MeanLossOfLevels

    def explode(self, y_true, y_pred):
        # From the fourth step on, after a good first checkpoint.
        steps.assign_add(1)
        return tf.reduce_mean(y_pred, axis=(1, 2, 3, 4)) * tf.where(steps > 4, np.nan, 1.0)

    steps = tf.Variable(0)
    monkeypatch.setattr(MeanLossOfLevels, "call", explode)
    error = refused(capsys, arguments(photographs, tmp_path, "--validate-every", "2"), status=1)
    assert "not finite at step" in error and "checkpoint.keras" in error
    assert keras.models.load_model(tmp_path / "denoise" / "checkpoint.keras")


def test_unreadable_files_are_named_and_a_run_without_steps_starts_again(
    photographs, tmp_path, capsys
):
    folder = tmp_path / "photographs"
    folder.mkdir()
    (folder / "9.png").write_bytes(b"no picture")
    argv = arguments(folder, tmp_path, "--profile", steps=22)
    assert "None of 1 pictures" in refused(capsys, argv, status=1)
    shutil.copytree(photographs, folder, dirs_exist_ok=True)
    assert train.main(argv) == 0
    said = capsys.readouterr().out
    assert "1 files could not be read and were skipped" in said and "9.png" in said
    # The profile lies beside the event files.
    assert list((tmp_path / "denoise" / "logs" / "train" / "plugins" / "profile").iterdir())


def test_resumed_run_needs_the_same_settings(photographs, out, capsys):
    argv = arguments(photographs, out, *LEVELS, "--resume", "--blocks", "2")
    assert "has blocks 1" in refused(capsys, argv)


@pytest.mark.parametrize("content", ["garbage", "foreign"])
def test_bad_checkpoint_is_refused(photographs, out, capsys, content):
    checkpoint = out / "denoise" / "checkpoint.keras"
    (out / "denoise" / "checkpoint_previous.keras").unlink()
    if content == "garbage":
        checkpoint.write_bytes(b"PK not really")
    else:
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(checkpoint)
    argv = arguments(photographs, out, *LEVELS, "--resume")
    assert "checkpoint" in refused(capsys, argv, status=1)


def test_full_disk_is_a_one_line_error_and_keeps_the_last_checkpoint(
    photographs, out, capsys, monkeypatch
):
    checkpoint = out / "denoise" / "checkpoint.keras"
    before = checkpoint.read_bytes()

    def full(self, path, *args, **kwargs):
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(keras.Model, "save", full)
    argv = arguments(photographs, out, *LEVELS, "--resume", steps=9)
    assert "no space left" in refused(capsys, argv, status=1)
    assert checkpoint.read_bytes() == before
    assert not list(checkpoint.parent.glob(".*partial*"))


def test_estimator_is_trained_and_resumed(photographs, tmp_path, capsys):
    argv = arguments(photographs, tmp_path, "--levels", "0:60", task="estimate")
    assert interrupted(argv, 4) == 130
    assert train.main([*argv, "--resume"]) == 0
    said = capsys.readouterr().out
    assert "mean absolute error" in said and "keras-hyper estimate IN --model" in said
    run = tmp_path / "estimate"
    model = keras.models.load_model(run / "model.keras")
    assert isinstance(model, LevelEstimator) and model.dtype_policy.name == "float32"
    assert (model.task, model.level_range) == ("denoise", [0, 60])
    rows = json.loads((run / "history.json").read_text())
    assert [row["step"] for row in rows] == [3, 6]
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert {name for name in rows[0] if name.startswith("val_error_")} == {
        "val_error_0-15", "val_error_15-30", "val_error_30-45", "val_error_45-60"
    }  # fmt: skip
    assert list((run / "logs").rglob("events*"))


def test_run_of_an_older_version_is_resumed_and_extended(photographs, out, tmp_path, capsys):
    run = out / "denoise"
    as_written_before_the_renames(run)
    whole = run / "checkpoint.keras"
    whole.write_bytes(whole.read_bytes()[:-1000])
    assert train.main(arguments(photographs, out, *LEVELS, "--resume", steps=9)) == 0
    said = capsys.readouterr().out
    assert "the run becomes longer: 9 steps instead of 6" in said
    assert "resuming from the one before" in said
    assert [row["step"] for row in json.loads((run / "history.json").read_text())] == [3, 6, 9]
    optimizer = keras.models.load_model(run / "checkpoint.keras").optimizer
    assert int(optimizer.iterations) == 9
    assert float(optimizer.learning_rate) == pytest.approx(0, abs=1e-7)  # the cosine of 9 steps
    assert json.loads((run / "run.json").read_text())["steps"] == 9
    assert (run / "2").is_dir()
    others = tmp_path / "others"
    shutil.copytree(photographs, others)
    more = arguments(others, out, *LEVELS, "--resume", steps=9)
    assert "others (2 files)" in refused(capsys, more)


def as_written_before_the_renames(run):
    """Rewrites a run's record and checkpoints with the former names of the options."""
    record = json.loads((run / "run.json").read_text())
    renamed = {"num_levels": "draws", "validate_every": "every"}
    old = {renamed.get(key, key): value for key, value in record.items()}
    for key in ("data", "valid", "versions", "commit"):
        old.pop(key, None)
    (run / "run.json").write_text(json.dumps(old))
    for path in (run / "checkpoint.keras", run / "checkpoint_previous.keras"):
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        config = parts["config.json"].decode()
        assert config.count('"index": ') == 4 and '"keras_hyper>AveragedAdam"' in config
        config = config.replace('"index": ', '"draw": ')
        for now, before in (
            ("keras_hyper.training.restoring", "keras_hyper.training.objective"),
            ("keras_hyper.training.recipes", "keras_hyper.training.averaged_adam"),
        ):
            assert now in config
            config = config.replace(now, before)
        parts["config.json"] = config.encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
