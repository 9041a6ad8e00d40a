"""How near the tensor code of the degradations comes to libjpeg, OpenCV and Pillow."""

import cv2
import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks.side_by_side import show
from keras_hyper.metrics import psnr
from pipelines import SAMPLE_PICTURES
from pipelines.degradations.bicubic import shrink_and_enlarge
from pipelines.degradations.jpeg import compress_jpeg, compress_jpeg_libjpeg
from pipelines.images import find_pictures, read_picture


def run() -> None:
    """Prints the tables, over the pictures that ship."""
    paths = find_pictures(SAMPLE_PICTURES)
    rows = []
    for name, channels in (("gray", 1), ("colour, 4:2:0", 3)):
        pictures = [read_picture(path, channels) for path in paths]
        for quality in (10.0, 30.0, 50.0, 80.0):
            expected = [compress_jpeg_libjpeg(picture, quality).numpy() for picture in pictures]
            ours = [
                compress_jpeg(picture[None], tf.constant(quality))[0].numpy()
                for picture in pictures
            ]
            rows.append((f"{name}, quality {quality:g}", *_agreement(pictures, expected, ours)))
    show("JPEG as tensor code against libjpeg", HEADINGS, rows)
    pictures = [_rounded(read_picture(path)) for path in paths]
    rows = []
    for name, reference, antialias in (("OpenCV", _opencv, None), ("Pillow", _pillow, "pillow")):
        for factor in (2.0, 3.0, 4.0):
            expected = [reference(picture, factor) for picture in pictures]
            ours = [
                shrink_and_enlarge(picture[None], factor, antialias=antialias)[0].numpy()
                for picture in pictures
            ]
            rows.append((f"{name}, factor {factor:g}", *_agreement(pictures, expected, ours)))
    show("Bicubic as tensor code against OpenCV (no antialiasing) and Pillow", HEADINGS, rows)


HEADINGS = ("reference", "within 1 level, %", "equal, %", "PSNR, dB", "ours, dB")


def _agreement(pictures, expected, ours):
    levels = np.concatenate(
        [np.abs(a - b).ravel() * 255 for a, b in zip(expected, ours, strict=True)]
    )
    scores = [
        np.mean([float(psnr(clean, other)) for clean, other in zip(pictures, others, strict=True)])
        for others in (expected, ours)
    ]
    shares = (100 * np.mean(levels < 1.5), 100 * np.mean(levels < 0.5))
    return *(f"{share:.3f}" for share in shares), *(f"{score:.3f}" for score in scores)


def _rounded(picture):
    return np.rint(picture * 255) / np.float32(255)


def _bytes(picture):
    return np.rint(picture * 255).astype(np.uint8)


def _opencv(picture, factor):
    small = cv2.resize(
        _bytes(picture), None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_CUBIC
    )
    size = picture.shape[1::-1]
    return cv2.resize(small, size, interpolation=cv2.INTER_CUBIC) / np.float32(255)


def _pillow(picture, factor):
    image = Image.fromarray(_bytes(picture))
    small = image.resize([round(side / factor) for side in image.size], Image.Resampling.BICUBIC)
    return np.asarray(small.resize(image.size, Image.Resampling.BICUBIC)) / np.float32(255)
