"""Runs the code of docs/adding-a-task.md."""

import re

import keras
import pytest
import tensorflow as tf

import train
from keras_hyper.models.custom_res import margin_of
from pipelines import TASKS
from tests.conftest import ROOT

LISTINGS = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "adding-a-task.md").read_text(), re.S
)


@pytest.fixture
def page():
    names = {}
    for listing in LISTINGS:
        exec(compile(listing, "adding-a-task.md", "exec"), names)
    yield names
    TASKS.pop("deblur", None)


def test_documented_test_passes(page):
    assert len(LISTINGS) == 5
    page["test_a_point_spreads_to_the_given_width"]()


def test_documented_network_is_measured(page):
    assert margin_of(page["network"](3)) == (2, 1)


def test_weakest_level_changes_nothing(page, photo):
    clean = photo[None, :32, :32]
    blurred = page["blur"](clean, tf.constant(0.0), (0, 0))
    assert float(tf.reduce_max(tf.abs(blurred - clean))) < 1e-5


def test_documented_task_trains(page, tmp_path):
    argv = ["--task", "deblur", "--out", str(tmp_path), "--steps", "2", "--batch", "2",
            "--patch", "16", "--precision", "float32"]  # fmt: skip
    assert train.main(argv) == 0
    model = keras.models.load_model(tmp_path / "deblur" / "model.keras")
    assert model.unit == "blur sigma in pixels" and model.levels == [0.5, 1.0, 2.0, 3.0]
