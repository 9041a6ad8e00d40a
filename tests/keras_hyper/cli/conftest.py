import numpy as np
import pytest
from PIL import Image

from keras_hyper.cli import main
from tests.conftest import random_network


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of runs: a denoiser, a network without a task, a network for sr."""
    root = tmp_path_factory.mktemp("models")
    for name, task in (("denoise", "denoise"), ("unnamed", ""), ("sr", "sr")):
        (root / name).mkdir()
        random_network(task=task).save(root / name / "model.keras")
    return root


@pytest.fixture
def call(models):
    def restore(source, out, *more, task="denoise", level="25", model="denoise"):
        try:
            return main(["restore", str(source), str(out), "--task", task, "--level", level,
                         "--model", str(models / model), *more])  # fmt: skip
        except SystemExit as stop:
            return stop.code

    return restore


def noise(mode, rng, sides=(13, 17)):
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, sides, dtype=np.uint16))
    channels = {"LA": 2, "RGB": 3, "RGBA": 4}.get(mode, 3)
    pixels = rng.integers(0, 256, (*sides, channels), dtype=np.uint8)
    return Image.fromarray(pixels) if channels != 3 else Image.fromarray(pixels).convert(mode)
