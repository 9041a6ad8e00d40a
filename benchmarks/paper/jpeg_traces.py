"""Measures how well the JPEG quality is estimated from pixels, once the file is no JPEG any more.

Two estimates are measured: by the likelihood of libjpeg's tables, and by the network that is used
when the likelihood gives none.
"""

import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.side_by_side import show
from keras_hyper import HyperRes, LevelEstimator, estimate, restore
from keras_hyper.metrics import psnr
from pipelines import SAMPLE_PICTURES
from pipelines.degradations.jpeg import compress_jpeg_libjpeg
from pipelines.images import find_pictures, read_picture
from pipelines.jpeg_analysis import quality_of_pixels

QUALITIES = (5, 10, 20, 30, 50, 70, 80, 90, 95)
RESTORED = (10, 30, 50, 80)
CROP = 128


def _crop(picture, rng):
    top, left = (int(rng.integers(0, max(side - CROP, 0) + 1)) for side in picture.shape[:2])
    return picture[top : top + CROP, left : left + CROP]


def _scaled(picture, rng):
    pixels = Image.fromarray(np.rint(picture * 255).astype(np.uint8).squeeze())
    pixels = pixels.resize([round(side * 0.8) for side in pixels.size], Image.LANCZOS)
    return np.asarray(pixels, np.float32).reshape(*pixels.size[::-1], -1) / 255


def _lower_contrast(picture, rng):
    return np.rint((picture * 0.85 + 0.1) * 255) / np.float32(255)


# Changes to the pictures after compression.
FORMS = {
    "whole": lambda picture, rng: picture,
    f"crops of {CROP}": _crop,
    "scaled to 0.8": _scaled,
    "contrast 0.85": _lower_contrast,
}
IN_GRAY = ("whole", "scaled to 0.8")
# Lowest estimate that counts as never compressed: the bound in use, and a stricter one.
BOUNDS = (80.0, 88.0)


def run(data: Path | None = None) -> None:
    """Prints the tables.

    Args:
        data: Folder of pictures that were never compressed; by default the folder in the variable
            ``LIVE1``, or without it the pictures that ship (some of which are JPEGs).
    """
    data = data or Path(os.environ.get("LIVE1") or SAMPLE_PICTURES)
    estimator = LevelEstimator.from_preset("estimate_quality")
    restorer = HyperRes.from_preset("dejpeg_gray_tiny")
    colour, gray = ([read_picture(path, count) for path in find_pictures(data)] for count in (3, 1))
    wanted = [("colour, 4:2:0", colour, form) for form in FORMS]
    for kind, pictures, form in [*wanted, *(("gray", gray, form) for form in IN_GRAY)]:
        rows = [
            (f"{quality or 'none'}", *_row(quality, pictures, FORMS[form], estimator))
            for quality in (None, *QUALITIES)
        ]
        show(
            f"Quality of {len(pictures)} pictures of {data.name}, {kind}, {form}",
            ("quality", "likelihood: correct", "no estimate", "wrong", "network: error", "bias",
             "combined: error"),
            rows,
        )  # fmt: skip
    show(
        f"{len(gray)} pictures of {data.name}, never compressed: estimates of at least",
        ("", *(f"{bound:g}" for bound in BOUNDS)),
        [("colour", *_passed(colour, estimator)), ("gray", *_passed(gray, estimator))],
    )
    # Estimates may be outside the range that the network was trained on.
    warnings.filterwarnings("ignore", message="level .* outside the range trained on")
    # The restoring network is gray.
    for form in IN_GRAY:
        rows = [
            (f"{quality}", *_loss_row(quality, gray, FORMS[form], estimator, restorer))
            for quality in RESTORED
        ]
        show(
            f"PSNR in dB of {len(gray)} pictures of {data.name}, gray, {form}",
            ("quality", "degraded", "at the known quality", "at the network's", "loss"),
            rows,
        )


def _row(quality, pictures, change, estimator):
    """Returns a row of the table; quality None is never compressed and counts as 100."""
    degraded = [_compressed(picture, quality, change) for picture in pictures]
    exact = [quality_of_pixels(picture) for picture in degraded]
    by_network = np.array([estimate(picture, estimator) for picture in degraded])
    correct = sum(found == quality for found in exact)
    missing = sum(found is None for found in exact) if quality else 0
    combined = [
        near if found is None else found for found, near in zip(exact, by_network, strict=True)
    ]
    off = by_network - (quality or 100)
    error = np.abs(np.subtract(combined, quality or 100)).mean()
    wrong = len(pictures) - correct - missing
    return correct, missing, wrong, np.abs(off).mean(), off.mean(), error


def _passed(pictures, estimator):
    estimates = np.array([estimate(picture, estimator) for picture in pictures])
    return [int((estimates >= bound).sum()) for bound in BOUNDS]


def _loss_row(quality, pictures, change, estimator, restorer):
    scores = []
    for picture in pictures:
        degraded, clean = (_compressed(picture, value, change) for value in (quality, None))
        levels = quality, estimate(degraded, estimator)
        restored = [restore(degraded, level, restorer) for level in levels]
        scores.append([_psnr(clean, result) for result in (degraded, *restored)])
    before, known, by_network = np.mean(scores, axis=0)
    return [f"{value:.2f}" for value in (before, known, by_network, known - by_network)]


def _compressed(picture, quality, change):
    coded = picture if quality is None else compress_jpeg_libjpeg(picture, quality).numpy()
    # The same random change to the clean picture and to its compressed versions.
    return change(coded, np.random.default_rng(round(float(picture.sum()))))


def _psnr(clean, restored):
    return float(psnr(clean, np.rint(restored * 255) / np.float32(255)))
