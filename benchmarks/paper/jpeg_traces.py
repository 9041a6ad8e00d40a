"""How well the quality of a JPEG that is stored as something else is told from its pixels.

By the likelihood of libjpeg's tables, and by the network that is asked where it is silent.
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


def _crop(picture, draw):
    top, left = (int(draw.integers(0, max(side - CROP, 0) + 1)) for side in picture.shape[:2])
    return picture[top : top + CROP, left : left + CROP]


def _scaled(picture, draw):
    pixels = Image.fromarray(np.rint(picture * 255).astype(np.uint8).squeeze())
    pixels = pixels.resize([round(side * 0.8) for side in pixels.size], Image.LANCZOS)
    return np.asarray(pixels, np.float32).reshape(*pixels.size[::-1], -1) / 255


def _paler(picture, draw):
    return np.rint((picture * 0.85 + 0.1) * 255) / np.float32(255)


# What happened to the pictures since their compression.
FORMS = {
    "whole": lambda picture, draw: picture,
    f"crops of {CROP}": _crop,
    "scaled to 0.8": _scaled,
    "contrast 0.85": _paler,
}
IN_GRAY = ("whole", "scaled to 0.8")
# What a picture that was never compressed has to be told to pass as such: the bound, and a finer.
BOUNDS = (80.0, 88.0)


def run(data: Path | None = None) -> None:
    """Prints the tables.

    Args:
        data: Folder of pictures that were never compressed; by default that of the variable
            ``LIVE1``, and without it the pictures that ship (of which some are JPEGs).
    """
    data = data or Path(os.environ.get("LIVE1") or SAMPLE_PICTURES)
    estimator = LevelEstimator.from_preset("estimate_quality")
    restorer = HyperRes.from_preset("dejpeg_gray_tiny")
    colour, gray = ([read_picture(path, count) for path in find_pictures(data)] for count in (3, 1))
    wanted = [("colour, 4:2:0", colour, form) for form in FORMS]
    for kind, pictures, form in [*wanted, *(("gray", gray, form) for form in IN_GRAY)]:
        rows = [
            (f"{quality or 'none'}", *_figures(quality, pictures, FORMS[form], estimator))
            for quality in (None, *QUALITIES)
        ]
        show(
            f"The quality of {len(pictures)} pictures of {data.name}, {kind}, {form}",
            ("quality", "likelihood: right", "silent", "wrong", "network: error", "bias",
             "together: error"),
            rows,
        )  # fmt: skip
    show(
        f"Of {len(gray)} pictures of {data.name}, never compressed, those told this and more",
        ("", *(f"{bound:g}" for bound in BOUNDS)),
        [("colour", *_passed(colour, estimator)), ("gray", *_passed(gray, estimator))],
    )
    # What is told may lie beyond what the network was trained at.
    warnings.filterwarnings("ignore", message="level .* outside the range trained on")
    # The network that restores is a gray one.
    for form in IN_GRAY:
        rows = [
            (f"{quality}", *_lost(quality, gray, FORMS[form], estimator, restorer))
            for quality in RESTORED
        ]
        show(
            f"PSNR in dB of {len(gray)} pictures of {data.name}, gray, {form}",
            ("quality", "degraded", "restored at it", "at the network's", "lost"),
            rows,
        )


def _figures(quality, pictures, change, estimator):
    """Of pictures of a quality, None for never compressed, which counts as 100."""
    found = [_compressed(picture, quality, change) for picture in pictures]
    exact = [quality_of_pixels(picture) for picture in found]
    by_network = np.array([estimate(picture, estimator) for picture in found])
    right = sum(told == quality for told in exact)
    silent = sum(told is None for told in exact) if quality else 0
    one_after_other = [
        near if told is None else told for told, near in zip(exact, by_network, strict=True)
    ]
    off = by_network - (quality or 100)
    error = np.abs(np.subtract(one_after_other, quality or 100)).mean()
    return right, silent, len(found) - right - silent, np.abs(off).mean(), off.mean(), error


def _passed(pictures, estimator):
    told = np.array([estimate(picture, estimator) for picture in pictures])
    return [int((told >= bound).sum()) for bound in BOUNDS]


def _lost(quality, pictures, change, estimator, restorer):
    scores = []
    for picture in pictures:
        found, clean = (_compressed(picture, asked, change) for asked in (quality, None))
        told = estimate(found, estimator)
        restored = [restore(found, level, restorer) for level in (quality, told)]
        scores.append([_psnr(clean, one) for one in (found, *restored)])
    degraded, known, by_network = np.mean(scores, axis=0)
    return [f"{value:.2f}" for value in (degraded, known, by_network, known - by_network)]


def _compressed(picture, quality, change):
    coded = picture if quality is None else compress_jpeg_libjpeg(picture, quality).numpy()
    # The same change to the clean picture and to all that it became.
    return change(coded, np.random.default_rng(round(float(picture.sum()))))


def _psnr(clean, restored):
    return float(psnr(clean, np.rint(restored * 255) / np.float32(255)))
