import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_hyper.training import OBJECTIVES, RECIPES, Run, new_trainer, tensorboard
from tests.conftest import random_estimator, random_network

NAMES = ["5", "25"]


def pairs(rng, count=5):
    image = rng.random((count, 2, 16, 16, 3), dtype="float32")
    level = np.tile(np.float32([5, 25]), (count, 1))
    return {"image": image, "level": level}, rng.random((count, 16, 16, 3), dtype="float32")


def events(folder):
    """The events of a folder: ``{tag: [(step, value or text or picture)]}``, and the graph."""
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    values = {
        tag: [(event.step, tf.make_ndarray(event.tensor_proto)) for event in found.Tensors(tag)]
        for tag in found.Tags()["tensors"]
    }
    return values, found.Graph() if found.Tags()["graph"] else None


def log_of(folder, objective, batch, step=7):
    network = random_network() if objective == "restore" else random_estimator()
    run = Run(folder, 100, 10, NAMES, {}, objective=OBJECTIVES[objective])
    trainer = new_trainer(network, RECIPES["authors"], run)
    log = tensorboard.TensorBoardLog(folder, batch, NAMES, step, {"rate": 0.5, "blocks": [1, 2]},
                                     OBJECTIVES[objective])  # fmt: skip
    log.set_model(trainer)
    return log, trainer


def test_figures_are_written_under_headings_at_their_step(tmp_path, rng):
    log, trainer = log_of(tmp_path, "restore", pairs(rng))
    log.on_train_batch_end(0)
    log.on_train_batch_end(1)
    log.on_epoch_end(0, {"loss": 0.5, "loss_5": 0.25, "psnr_25": 30.0, "val_loss": 0.75,
                         "val_psnr_25": 28.0, "other": 2.0})  # fmt: skip
    log.close()
    train, validation = (events(tmp_path / part)[0] for part in ("train", "validation"))
    assert validation == {"loss/all levels": [(9, 0.75)], "PSNR in dB/25": [(9, 28.0)]}
    conv = trainer.main.block_convs[1]
    norms = {part: np.linalg.norm(np.ravel(getattr(conv, part))) for part in "wb"}
    assert train.pop(f"norm of w/{conv.name}") == [(9, pytest.approx(norms["w"], rel=1e-5))]
    assert train.pop(f"norm of b/{conv.name}") == [(9, pytest.approx(norms["b"], rel=1e-5))]
    assert train.pop("learning rate") == [(9, pytest.approx(1e-4))]
    expected = {"loss/all levels": [(9, 0.5)], "loss/5": [(9, 0.25)], "PSNR in dB/25": [(9, 30.0)],
                "other": [(9, 2.0)]}  # fmt: skip
    assert {tag: rows for tag, rows in train.items() if "norm" not in tag} == expected
    assert len(train) == len(expected) + 2  # the norms of the other convolution


def test_the_sheet_has_clean_degraded_and_restored_of_four_pictures(tmp_path, rng):
    inputs, clean = pairs(rng)
    log, trainer = log_of(tmp_path, "restore", (inputs, clean))
    log.on_test_end()
    log.close()
    written = events(tmp_path / "validation")[0]
    restored = np.clip(trainer(inputs), 0, 1)
    for index, name in enumerate(NAMES):
        ((step, (width, height, png)),) = written[f"clean, degraded, restored/{name}"]
        sheet = tf.io.decode_png(png).numpy() / 255
        assert step == 7 and (int(width), int(height)) == (4 * 16, 3 * 16)
        for row, part in enumerate((clean, inputs["image"][:, index], restored[:, index])):
            for column in range(4):
                cell = sheet[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
                np.testing.assert_allclose(cell, part[column], atol=1.01 / 255)


@pytest.mark.parametrize(("before", "length"), [(0, 51), (0, 50), (1, 51)])
def test_figures_and_a_sheet_are_written_in_a_long_first_epoch(tmp_path, rng, before, length):
    log, _ = log_of(tmp_path, "restore", pairs(rng))
    log.set_params({"steps": length})
    for batch in [*range(before), *range(length)]:
        log.on_train_batch_end(batch, {"loss": batch})
    # Not closed: the files are read while the run goes on.
    train, validation = (events(tmp_path / part)[0] for part in ("train", "validation"))
    long = (before, length) == (0, 51)
    assert train.get("loss/all levels") == ([(57, 49.0)] if long else None)
    assert [tag[-2:] for tag in validation] == (["/5", "25"] if long else [])
    log.close()


def test_settings_and_graph_are_written_by_the_first_fit_alone(tmp_path, rng):
    log, _ = log_of(tmp_path, "restore", pairs(rng))
    log.on_train_begin()
    log.close()
    accumulated = EventAccumulator(str(tmp_path / "validation")).Reload()
    metadata = accumulated.summary_metadata
    texts = {tag: str(row.plugin_data.content) for tag, row in metadata.items()}
    session = texts["_hparams_/session_start_info"]
    assert "rate" in session and "[1, 2]" in session
    experiment = texts["_hparams_/experiment"]
    assert "PSNR in dB/5" in experiment and "PSNR in dB/25" in experiment
    assert len(accumulated.Tensors("_hparams_/experiment")) == 1
    graph = events(tmp_path / "train")[1]
    (image,) = (node for node in graph.node if node.name == "image")
    assert [dim.size for dim in image.attr["shape"].shape.dim] == [1, -1, -1, 3]
    second, _ = log_of(tmp_path / "second", "restore", pairs(rng))
    second.on_train_batch_end(0)
    second.on_train_begin()
    second.close()
    assert events(tmp_path / "second" / "validation") == ({}, None)
    assert events(tmp_path / "second" / "train") == ({}, None)


def test_other_backends_have_no_graph(tmp_path, rng, monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    log, _ = log_of(tmp_path, "restore", pairs(rng))
    log.on_train_begin()
    log.close()
    assert events(tmp_path / "train")[1] is None


def test_an_estimator_has_no_sheet_and_its_errors_have_a_heading(tmp_path, rng):
    log, _ = log_of(tmp_path, "estimate", pairs(rng))
    log.on_test_end()
    log.on_epoch_end(0, {"val_error_5": 2.0})
    log.close()
    assert events(tmp_path / "validation")[0] == {"absolute error of the level/5": [(7, 2.0)]}


def test_the_second_ten_steps_are_profiled(tmp_path, monkeypatch):
    seen = []

    class Trace:
        def __init__(self, name, step_num, _r):
            self.step = step_num

        def __enter__(self):
            seen.append(f"enter {self.step}")

        def __exit__(self, *error):
            seen.append(f"leave {self.step}")

    monkeypatch.setattr(tf.profiler.experimental, "Trace", Trace)
    monkeypatch.setattr(tf.profiler.experimental, "start", lambda folder: seen.append(folder))
    monkeypatch.setattr(tf.profiler.experimental, "stop", lambda: seen.append("stop"))
    profile = tensorboard.Profile(tmp_path)
    for batch in range(25):
        profile.on_train_batch_begin(batch)
        profile.on_train_batch_end(batch)
    steps = [f"{word} {step}" for step in range(10, 20) for word in ("enter", "leave")]
    assert seen == [str(tmp_path), *steps, "stop"]
