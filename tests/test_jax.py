"""Training under JAX, for accelerators without a build of TensorFlow."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.export.session import ServingSession
from tests.conftest import ROOT

PROGRAM = """
import sys
import keras, numpy as np
import train
out = sys.argv[1]
status = train.main(["--task", "denoise", "--steps", "20", "--validate-every", "10", "--batch", "2",
                     "--patch", "16", "--precision", "float32", "--out", out])
assert status == 0 and keras.backend.backend() == "jax"
model = keras.models.load_model(out + "/denoise/model.keras")
image = np.random.default_rng(0).random((2, 9, 12, 3), dtype=np.float32)
for name, level in (("scalar", 25.0), ("vector", np.array([10, 60], np.float32))):
    restored = model({"image": image, "level": level})
    np.save(out + f"/{name}.npy", keras.ops.convert_to_numpy(restored))
"""


def test_network_trained_under_jax_gives_the_same_result_under_tensorflow(tmp_path):
    pytest.importorskip("jax", reason="JAX is installed in the lane of the newest TensorFlow alone")
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    model = keras.models.load_model(tmp_path / "denoise" / "model.keras")
    image = np.random.default_rng(0).random((2, 9, 12, 3), dtype=np.float32)
    for name, level in (("scalar", 25.0), ("vector", np.array([10, 60], np.float32))):
        under_jax = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_allclose(model({"image": image, "level": level}), under_jax, atol=1e-4)
    with ServingSession(export_saved_model(model, tmp_path / "exported")) as session:
        inputs = {"image": image, "level": np.array([10, 60], np.float32)}
        restored = session.predict("serving_default", inputs)["restored"]
    np.testing.assert_allclose(restored, np.clip(under_jax, 0, 1), atol=1e-4)
