import dataclasses
import importlib
import io
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from rich.console import Console

from keras_hyper.errors import WrongArgumentError
from keras_hyper.export.card import read_card
from keras_hyper.models import load_hyper_res
from keras_hyper.training import (
    OBJECTIVES,
    RECIPES,
    Run,
    TrainingConfig,
    fit,
    load_trainer,
    new_trainer,
    train,
)
from keras_hyper.training.fit import segments
from keras_hyper.training.folder import CHECKPOINT
from keras_hyper.training.processes import Processes
from tests.conftest import random_network


@pytest.mark.parametrize(
    ("step", "every", "steps", "expected"),
    [
        (0, 10, 30, [(0, 10, 3)]),
        (0, 10, 33, [(0, 10, 3), (30, 3, 1)]),
        (5, 10, 33, [(5, 5, 1), (10, 10, 2), (30, 3, 1)]),
        (31, 10, 33, [(31, 2, 1)]),
        (0, 250, 20, [(0, 20, 1)]),
        (7, 250, 20, [(7, 13, 1)]),
        (30, 10, 30, []),
    ],
)
def test_segments_cover_the_rest_of_the_run(step, every, steps, expected):
    rows = segments(step, every, steps)
    assert rows == expected
    assert sum(length * epochs for _, length, epochs in rows) == steps - step


@dataclasses.dataclass(frozen=True)
class Config:
    folder: Path
    resume: bool = False
    hosts: tuple = ()
    host_index: int | None = None
    seed: int = 0


@pytest.mark.parametrize(
    ("scheduled", "has_checkpoint", "resumes"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_a_scheduled_run_resumes_where_there_is_a_checkpoint(
    tmp_path, monkeypatch, scheduled, has_checkpoint, resumes
):
    module, seen = importlib.import_module("keras_hyper.training.fit"), []
    monkeypatch.setattr(module, "join", lambda *_: Processes(scheduled=scheduled))
    monkeypatch.setattr(module, "_train", lambda config, *_: seen.append(config.resume))
    (tmp_path / "run.json").touch()
    if has_checkpoint:
        (tmp_path / CHECKPOINT).touch()
    train(Config(tmp_path), Console(file=(said := io.StringIO())))
    assert seen == [resumes] and ("the run is resumed" in said.getvalue()) == resumes


def pairs(clean):
    image = np.zeros((2, 1, 8, 8, 3), np.float32)
    inputs = {"image": image, "level": np.full((2, 1), 25, np.float32)}
    return tf.data.Dataset.from_tensors((inputs, np.full((2, 8, 8, 3), clean, np.float32)))


def test_a_validation_that_is_not_finite_is_neither_saved_nor_recorded(tmp_path):
    run = Run(tmp_path, 2, 1, ["25"], {})
    trainer = new_trainer(random_network(), RECIPES["default"], run)
    with pytest.raises(FloatingPointError, match="val_loss, .*not finite at step 1; no checkpoint"):
        fit(trainer, lambda step: pairs(0.5).repeat(), pairs(np.nan), run, Console(quiet=True))
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_a_run_goes_on_from_the_step_of_its_checkpoint(tmp_path):
    console, begun = Console(quiet=True), []

    def pairs_from(step):
        begun.append(step)
        return pairs(0.5).repeat()

    def rows():
        return [row["step"] for row in json.loads((tmp_path / "history.json").read_text())]

    run = Run(tmp_path, 5, 3, ["25"], {})
    first = new_trainer(random_network(), RECIPES["default"], run)
    assert run.profile is False and run.objective is OBJECTIVES["restore"]
    traced, step = [], first.train_step
    first.train_step = lambda data: traced.append(1) or step(data)
    assert fit(first, pairs_from, pairs(0.5), run, console) is first.main
    assert begun == [0, 3] and rows() == [3, 5] and traced == [1]
    longer = Run(tmp_path, 7, 3, ["25"], {})
    resumed = load_trainer([longer], RECIPES["default"], console)
    assert float(resumed.optimizer.ema_momentum) == RECIPES["default"].optimizer(7).ema_momentum
    fit(resumed, pairs_from, pairs(0.5), longer, console)
    assert begun == [0, 3, 5, 6] and rows() == [3, 5, 6, 7]
    assert int(resumed.optimizer.iterations) == 7
    assert float(resumed.optimizer.learning_rate) == pytest.approx(0, abs=1e-8)


def test_the_network_has_the_average_of_its_weights(tmp_path):
    run = Run(tmp_path, 60, 60, ["25"], {})
    trainer = new_trainer(random_network(), RECIPES["default"], run)
    fit(trainer, lambda step: pairs(0.5).repeat(), pairs(0.5), run, Console(quiet=True))
    # The checkpoint has the last weights, from which a run is resumed; the network the average.
    last = keras.models.load_model(tmp_path / "checkpoint.keras").main
    differences = [
        np.abs(ours - theirs).max()
        for ours, theirs in zip(trainer.main.get_weights(), last.get_weights(), strict=True)
    ]
    assert max(differences) > 0
    # The figures of the validation are those of the average.
    (inputs, clean) = next(iter(pairs(0.5)))
    error = float(np.abs(trainer(inputs)[:, 0] - clean).mean())
    (row,) = json.loads((tmp_path / "history.json").read_text())
    assert row["val_loss"] == pytest.approx(error, rel=1e-4)
    trained = trainer.main.get_weights()
    trainer.optimizer.put_average(trainer.trainable_variables)
    for ours, theirs in zip(trainer.main.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.fixture
def photographs(tmp_path, rng):
    for number in range(3):
        pixels = rng.integers(0, 256, (40, 56, 3), dtype=np.uint8)
        (tmp_path / "photographs").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "photographs" / f"{number}.png")
    return tmp_path / "photographs"


def trained(photographs, out, task="denoise", **settings):
    console = Console(file=io.StringIO(), width=300)
    settings = {"levels": ["15", "50"], "steps": 2, "batch": 2, "patch": 16, "filters": 4,
                "precision": "float32", **settings}  # fmt: skip
    train(TrainingConfig(task, photographs, out=out, **settings), console)
    return console.file.getvalue()


def test_a_run_is_initialised_trained_exported_and_described(photographs, tmp_path):
    initial = random_network(filters=4, levels=(15, 50), level_offset=40, level_scale=35)
    initial.save(tmp_path / "initial.keras")
    more = {"init_from": str(tmp_path / "initial.keras"), "rate": 1e-9, "levels": None}
    said = trained(photographs, tmp_path / "runs", profile=True, **more)
    folder = tmp_path / "runs" / "denoise"
    model = keras.models.load_model(folder / "model.keras")
    assert (model.levels, model.task, model.filters) == ([15, 50], "denoise", 4)
    for ours, theirs in zip(model.get_weights(), initial.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)
    card = read_card(folder / "1")
    assert [row["level"] for row in card["validation"]] == [15, 50]
    for row in card["validation"]:
        assert row["gain"] == pytest.approx(row["psnr_after"] - row["psnr_before"])
    assert "validation  1 of them, held out" in said and f"SavedModel  {folder / '1'}" in said
    assert "data  2 pictures, 2 windows of 56x40 to 56x40 pixels" in said
    record = json.loads((folder / "run.json").read_text())
    assert record["levels"] == "15 50" and record["data"]["files"] == 2


def test_a_run_of_a_method_is_initialised_from_its_own_network(photographs, tmp_path):
    settings = {"method": "plain", "levels": [25.0], "blocks": 1, "filters": 4}
    trained(photographs, tmp_path / "start", **settings)
    start = str(tmp_path / "start" / "denoise")
    more = {**settings, "levels": [5.0], "init_from": start, "rate": 1e-9}
    trained(photographs, tmp_path / "next", **more)
    first, following = (
        load_hyper_res(str(tmp_path / name / "denoise")) for name in ("start", "next")
    )
    assert following.levels == [5.0]
    for ours, theirs in zip(following.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)
    with pytest.raises(WrongArgumentError, match="expected an initial network of 1 channels"):
        trained(photographs, tmp_path / "gray", **{**more, "channels": 1})


def test_settings_that_do_not_fit_are_wrong_arguments(photographs, tmp_path):
    random_network(blocks=2).save(tmp_path / "initial.keras")
    initial = {"init_from": str(tmp_path / "initial.keras")}
    for settings, words in (
        ({"task": "paint"}, "No task 'paint'"),
        ({"recipe": "fast"}, "No recipe 'fast'"),
        ({"levels": ["-5"]}, "got -5"),
        ({"task": "estimate", "init_from": "estimate_quality"}, "initial estimator with probes 48"),
        ({"restorer": "denoise"}, "expected no --restorer with --task denoise"),
        ({"task": "estimate", "restorer": "sr"}, "a --restorer for denoise, got one for sr"),
        ({"blocks": 1, "filters": 8, **initial}, "expected an initial network with blocks 1"),
    ):
        with pytest.raises(WrongArgumentError, match=words):
            trained(photographs, tmp_path / "runs", **settings)
    with pytest.raises(ValueError, match="the memory for pictures is 0.000977 MiB"):
        trained(photographs, tmp_path / "runs", memory=2**-20)


def test_an_estimator_learns_which_level_a_network_restores_best_at(photographs, tmp_path):
    random_network(filters=4).save(tmp_path / "restorer.keras")
    settings = {"task": "estimate", "levels": ["0:50"], "num_levels": 2, "patch": 32,
                "restorer": str(tmp_path / "restorer.keras")}  # fmt: skip
    said = trained(photographs, tmp_path / "runs", **settings)
    folder = tmp_path / "runs" / "estimate"
    (row,) = json.loads((folder / "history.json").read_text())
    assert row["val_loss"] >= 0 and "val_lost_0-25" in row and "dB lost to the best level" in said
    # A second run begins with the estimator of the first.
    initial = keras.models.load_model(folder / "model.keras")
    again = {**settings, "init_from": str(folder / "model.keras"), "rate": 1e-9}
    trained(photographs, tmp_path / "again", **again)
    model = keras.models.load_model(tmp_path / "again" / "estimate" / "model.keras")
    # All but the probes: the average of so short a run has unconstrained ones.
    for ours, theirs in zip(model.get_weights()[1:], initial.get_weights()[1:], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_clip_and_gray_are_those_of_the_settings(photographs, tmp_path, monkeypatch):
    class StoppedError(Exception):
        pass

    def seen(**settings):
        with pytest.raises(StoppedError) as stopped:
            trained(photographs, tmp_path / "runs", **settings)
        trainer, pairs_from = stopped.value.args
        clean = next(pairs_from(0).as_numpy_iterator())[1]
        return trainer.optimizer.global_clipnorm, np.ptp(clean, axis=-1).max()

    def fit(trainer, pairs_from, *rest):
        raise StoppedError(trainer, pairs_from)

    monkeypatch.setattr(importlib.import_module("keras_hyper.training.fit"), "fit", fit)
    assert seen(gray=1.0, clip=0.0) == (None, 0)
    clip, difference = seen(gray=0.0)
    assert clip == 0.3 and difference > 0.1
