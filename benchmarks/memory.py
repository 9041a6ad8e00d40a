"""Peak resident memory of whole programs."""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.side_by_side import show

_MEASURED = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10)"

_RESTORE = """
import numpy as np, keras_hyper
model = keras_hyper.HyperRes.from_preset("paper", level_range=(5, 75)).with_precision({precision!r})
picture = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
assert keras_hyper.restore(picture, 25, model).shape == picture.shape
"""

_TRAIN = """
import train
assert train.main(["--task", "denoise", "--blocks", "16", "--patch", "96", "--steps", "2",
                   "--levels", "15", "35", "55", "75", "--out", {out!r}]) == 0
"""


def run() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        programs = {
            "12 megapixels, 16 blocks, float32": _RESTORE.format(precision="float32"),
            "12 megapixels, 16 blocks, bfloat16": _RESTORE.format(precision="bfloat16"),
            "training, 16 blocks, batch 16, patch 96, 4 levels": _TRAIN.format(out=folder),
        }
        rows = [(name, _peak(program) / 1024) for name, program in programs.items()]
    show("Peak resident memory", ("program", "GiB"), rows)


def _peak(program):
    done = subprocess.run(
        [sys.executable, "-c", program + _MEASURED],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])
