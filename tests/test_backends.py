"""JAX and PyTorch: the contract of layers and models holds; results equal those of TensorFlow.

Each backend is tested in the lane that has it installed.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_hyper import hyperize
from keras_hyper.layers import HyperConv2D, HyperDense, HyperDepthwiseConv2D
from keras_hyper.models import HyperRes
from tests.conftest import ROOT

RANGES = (0.0, 50.0), (10.0, 100.0)
# In the task's unit: one vector, one of each image, and maps.
LEVELS = {
    "vector": np.float32([15, 40]),
    "rows": np.float32([[15, 40], [30, 90]]),
    "maps": np.linspace(10, 50, 2 * 6 * 8 * 2, dtype=np.float32).reshape(2, 6, 8, 2),
}
IMAGE = np.random.default_rng(0).random((2, 6, 8, 3), dtype=np.float32)


def _layer(layer: keras.Layer) -> tuple[keras.Layer, Callable]:
    layer.build(IMAGE.shape)
    return layer, lambda level: layer(IMAGE, level / 50 - 0.5)


def _model(model: keras.Model) -> tuple[keras.Model, Callable]:
    if not model.built:
        model.build()
    return model, lambda level: model({"image": IMAGE, "level": level})


def _network() -> keras.Model:
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = layers.SeparableConv2D(3, 3, padding="same")(x)
    return keras.Model(image, layers.Add()([image, x]))


CASES: dict[str, Callable] = {
    "HyperConv2D": lambda: _layer(HyperConv2D(4, 3, padding="same", axes=2)),
    "HyperDepthwiseConv2D": lambda: _layer(HyperDepthwiseConv2D(3, padding="same", axes=2)),
    "HyperDense": lambda: _layer(HyperDense(4, axes=2)),
    "HyperRes": lambda: _model(
        HyperRes(axes=("noise", "jpeg"), level_range=RANGES, level_offset=(25.0, 55.0),
                 level_scale=(25.0, 45.0), filters=4, blocks=1)
    ),
    "hyperize": lambda: _model(hyperize(_network(), RANGES)),
}  # fmt: skip


def results() -> dict[str, np.ndarray]:
    """Returns the result of each case at each kind of level, under this backend."""
    found = {}
    for name, make in CASES.items():
        made, call = make()
        rng = np.random.default_rng(1)
        made.set_weights([rng.normal(0, 0.2, weight.shape) for weight in made.get_weights()])
        # A network of others has one level an image.
        kinds = [kind for kind in LEVELS if not (kind == "maps" and name == "hyperize")]
        for kind in kinds:
            found[f"{name}-{kind}"] = ops.convert_to_numpy(call(LEVELS[kind]))
    return found


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_two_levels_give_the_same_under_every_backend(backend, tmp_path):
    pytest.importorskip(backend, reason="each lane has one of the two backends")
    program = (
        "import sys, numpy, keras; from tests.test_backends import results; "
        f"assert keras.backend.backend() == '{backend}'; numpy.savez(sys.argv[1], **results())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "found.npz")]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    expected, found = results(), np.load(tmp_path / "found.npz")
    assert set(found) == set(expected)
    for name, result in expected.items():
        np.testing.assert_allclose(found[name], result, atol=1e-5, err_msg=name)
        one = expected[f"{name.partition('-')[0]}-vector"]
        assert name.endswith("vector") or np.abs(result - one).max() > 1e-3, name


# The contract of the layers, of `HyperRes` and of `hyperize`; under TensorFlow these files run
# by themselves.
CONTRACT = (
    "tests/keras_hyper/layers/test_hyper_conv2d.py",
    "tests/keras_hyper/layers/test_hyper_layers.py",
    "tests/keras_hyper/models/test_hyper_res.py",
    "tests/keras_hyper/models/test_hyperize.py",
)
LEAST_PASSED = 160  # of 179; a processor without 16 bits skips 9, and each backend at most 4


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_contract_holds_under_every_backend(backend):
    pytest.importorskip(backend, reason="each lane has one of the two backends")
    # Those of pytest and pytest-xdist belong to the process that runs this test.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment |= {"KERAS_BACKEND": backend, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    # Prints the backend after the tests, as the tests' process has it.
    program = (
        "import sys, pytest; status = pytest.main(sys.argv[1:]); "
        "import keras; print('backend:', keras.backend.backend()); sys.exit(status)"
    )
    command = [sys.executable, "-c", program, "-p", "no:cacheprovider", "-rs", *CONTRACT]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
    )
    output = done.stdout[-8000:] + done.stderr[-2000:]
    assert done.returncode == 0, output
    assert f"backend: {backend}" in done.stdout, output
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) >= LEAST_PASSED, output
