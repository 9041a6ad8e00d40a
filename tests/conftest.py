import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from pipelines import SAMPLE_PICTURES
from pipelines.images import read_picture

ROOT = Path(__file__).resolve().parents[1]

died = pytest.StashKey[bool]()
needs_bfloat16 = pytest.mark.skipif(
    os.environ.get("ONEDNN_MAX_CPU_ISA", "") == "AVX2",
    reason="TensorFlow asks oneDNN for 16 bits by the processor; held to AVX2, oneDNN refuses them",
)


DIED = 70  # exit status, at which the Makefile runs the tests again


def numpy(tensor):
    """An array of NumPy under every backend, also where the tensor has a gradient."""
    return keras.ops.convert_to_numpy(tensor)


def assert_close(found, expected, **tolerances):
    np.testing.assert_allclose(numpy(found), numpy(expected), **tolerances)


def assert_equal(found, expected):
    np.testing.assert_array_equal(numpy(found), numpy(expected))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Remembers that a process of pytest-xdist died."""
    if error:
        node.config.stash[died] = True


def pytest_sessionfinish(session):
    """Ends with the status `DIED` if a process died."""
    if session.config.stash.get(died, False):
        session.exitstatus = DIED


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def photo():
    """float32 (300, 451, 3): the cat that ships."""
    return read_picture(SAMPLE_PICTURES / "chelsea.png")


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """Three small pictures in a folder."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for number in range(3):
        small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((64, 48), Image.BICUBIC).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def shared():
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the photographs and answers that figures are measured on are not here")
    return folder


@pytest.fixture
def tiny():
    """A small network with random weights, float32, 3 channels."""
    return random_network()


def random_network(channels=3, blocks=1, filters=8, **kwargs):
    from keras_hyper import HyperRes

    facts = {"task": "denoise", "unit": "sigma", "level_range": (5, 75), "level_scale": 75}
    sizes = {"channels": channels, "blocks": blocks, "filters": filters}
    model = HyperRes(**{**sizes, **facts, **kwargs})
    model.build()
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.1, w.shape) for w in model.get_weights()])
    return model


def random_estimator(channels=3, task="denoise", **kwargs):
    """A narrow estimator with random weights, whose result depends on the image."""
    from keras_hyper import LevelEstimator

    model = LevelEstimator(channels, probes=4, filters=4, task=task, unit="sigma", **kwargs)
    model.build()
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
    return model


def parsed(command, words: list[str]) -> argparse.Namespace:
    """Returns the arguments of words, as a command's module parses them."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)
