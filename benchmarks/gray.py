"""Noise in gray pictures: `python -m benchmarks.gray --data FOLDER`.

PSNR of the colour network at the level and at sqrt(3) times it, and of the gray network at the
level and at the estimated one. The noise is clipped and rounded to 8 bits.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np

from benchmarks.real_noise import psnr
from keras_hyper import estimate
from keras_hyper.restoration.level import estimator_for
from keras_hyper.restoration.restorer import open_restorer
from pipelines.images import find_pictures, read_picture


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(prog="benchmarks.gray", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of clean pictures")
    folder = parser.parse_args().data
    warnings.filterwarnings("ignore", message=".*outside the range trained on")
    colour, gray = (open_restorer(name, "denoise") for name in ("denoise", "denoise_gray"))
    estimator = estimator_for("denoise")
    print("| sigma | before | colour network | at sqrt(3) times | gray network | auto |")
    print("|---:|---:|---:|---:|---:|---:|")
    for sigma in (15, 25, 50):
        rows = []
        for seed, path in enumerate(find_pictures(folder)):
            clean = read_picture(path, channels=1)
            noise = np.random.default_rng(seed).normal(0, sigma / 255, clean.shape)
            noisy = np.rint(np.clip(clean + noise, 0, 1) * 255).astype(np.float32) / 255
            restored = [
                colour.restore(noisy, sigma), colour.restore(noisy, sigma * 3**0.5),
                gray.restore(noisy, sigma), gray.restore(noisy, estimate(noisy, estimator)),
            ]  # fmt: skip
            rows.append([psnr(image, clean) for image in (noisy, *restored)])
        print(f"| {sigma} | " + " | ".join(f"{mean:.2f}" for mean in np.mean(rows, axis=0)) + " |")


if __name__ == "__main__":
    main()
