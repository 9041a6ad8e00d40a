"""Memory that 24 megapixels take above the loaded model: in TF-Serving's session, and in ours."""

import io
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.side_by_side import show

SIDES = (4000, 6000)
SIGNATURES = ("serving_default", "serving_uint8", "serving_bytes", "sweep", "auto", "estimate")
_MIB = 2**20


def run() -> None:
    """Prints the table; each signature runs in a separate process."""
    from keras_hyper import HyperRes, LevelEstimator
    from keras_hyper.export.onnx import export_onnx
    from keras_hyper.export.saved_model import export_saved_model

    with tempfile.TemporaryDirectory() as folder:
        network = HyperRes.from_preset("denoise_tiny")
        estimator = LevelEstimator.from_preset("estimate")
        version = export_saved_model(network, Path(folder), estimator=estimator)
        export_onnx(network, Path(folder))
        rows = []
        for engine, signature in itertools.product(("tensorflow", "openvino"), SIGNATURES):
            words = ["-m", "benchmarks.serving_memory", str(version), signature, engine]
            done = subprocess.run(
                [sys.executable, *words], cwd=Path(__file__).resolve().parents[1],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            row = (engine, signature, *json.loads(done.stdout.splitlines()[-1]))
            print(*row, file=sys.stderr)
            rows.append(row)
    show("{}x{} pixels, 1 block, float32".format(*SIDES),
         ("engine", "signature", "above the model, MiB", "of it arrays, MiB"), rows)  # fmt: skip


def measured(version: str, signature: str, engine: str) -> tuple[float, float]:
    """Runs a signature once; returns the peak above the loaded model, and of it the arrays."""
    import keras_hyper  # noqa: F401  (before TensorFlow)
    from keras_hyper.export.session import ServingSession
    from keras_hyper.serving.server.engine import open_engine

    with ServingSession(version) as session:
        run = open_engine(Path(version), session, engine) or session
        small = _inputs(signature, (64, 64))
        run.predict(signature, small)  # the first run allocates what all runs share
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _memory("VmRSS")
        inputs = _inputs(signature, SIDES)
        outputs = run.predict(signature, inputs)
        arrays = [np.asarray(value) for value in (*inputs.values(), *outputs.values())]
        sizes = [len(each.flat[0]) if each.dtype == object else each.nbytes for each in arrays]
        return (_memory("VmHWM") - before) / _MIB, sum(sizes) / _MIB


def _memory(key):
    line = Path("/proc/self/status").read_text().split(f"{key}:")[1]
    return int(line.split()[0]) * 1024


def _inputs(signature, sides):
    """A smooth picture; where TensorFlow takes the array as it is, without a copy."""
    level = {} if signature in ("auto", "estimate") else {"level": np.float32([25])}
    rows, columns = (np.linspace(0, 1, side, dtype=np.float32) for side in sides)
    if signature == "serving_bytes":
        gray = Image.fromarray(np.uint8(np.add.outer(rows, columns) * 127))
        file = io.BytesIO()
        gray.convert("RGB").save(file, "JPEG")
        return {"image_bytes": np.array([file.getvalue()], object), **level}
    kind = np.dtype(np.uint8 if signature == "serving_uint8" else np.float32)
    memory = np.empty(sides[0] * sides[1] * 3 * kind.itemsize + 64, np.uint8)
    start = -memory.ctypes.data % 64
    image = memory[start : start + memory.size - 64].view(kind).reshape(1, *sides, 3)
    for row, value in enumerate(rows):
        line = (value + columns[:, None]) / 2
        image[0, row] = line * 255 if kind == np.uint8 else line
    return {"image": image, **level}


if __name__ == "__main__":
    print(json.dumps(measured(*sys.argv[1:])))
