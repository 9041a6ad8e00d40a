"""Compares PSNR and SSIM of degraded pictures with known figures.

``python -m benchmarks.paper.degraded --known degraded_psnr.json --data TEST_SETS`` prints every
figure beside the known one and fails if one differs.
"""

import argparse
import functools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_hyper.evaluation import Scoring
from pipelines import TASKS, get_protocol
from pipelines.color import LUMA
from pipelines.dataset.benchmark import degraded_pair
from pipelines.degradations.bicubic import shrink_and_enlarge
from pipelines.images import find_pictures
from pipelines.protocols import Protocol

# Tolerance in dB of PSNR, of PSNR with noise (whose samples differ), and of SSIM.
_DB, _NOISE_DB, _SSIM = 0.01, 0.03, 0.001


@dataclass(frozen=True)
class Reading:
    """A degradation whose figures are known.

    Args:
        place: Keys of its rows in the file of known figures.
        pictures: Name of the set's folder.
        protocol: How pictures are degraded.
        channels: 1 for gray, 3 for RGB.
        figures: By name of a known figure: metric, plane and border in pixels (``"s"`` is the
            level).
        tolerance: Tolerance of PSNR in dB.
    """

    place: tuple[str, str]
    pictures: str
    protocol: Protocol
    channels: int
    figures: dict[str, tuple]
    tolerance: float = _DB


def readings() -> Iterator[Reading]:
    """Yields all degradations with known figures."""
    yield from _noise()
    yield from _jpeg()
    yield from _bicubic()


def _noise():
    paper = get_protocol(TASKS["denoise"], "paper")
    kinds = {
        "uint8_floor": paper,
        "float_clipped": get_protocol(TASKS["denoise"], "clipped"),
        "float_unclipped": replace(
            get_protocol(TASKS["denoise"], "literature"), multiple=paper.multiple
        ),
    }
    whole = get_protocol(TASKS["denoise"], "literature").multiple
    for name, protocol in kinds.items():
        both = {name: ("psnr", "picture", 0), f"{name}_ssim": ("ssim", "picture", 0)}
        place = ("denoise", "CBSD68_even_480x320")
        yield Reading(place, "CBSD68", protocol, 3, both, _NOISE_DB)
        for pictures in ("CBSD68_full_481x321", "Kodak24", "McMaster"):
            protocol = replace(protocol, multiple=whole)
            folder, psnr = pictures.split("_")[0], {name: ("psnr", "picture", 0)}
            yield Reading(("denoise", pictures), folder, protocol, 3, psnr, _NOISE_DB)


def _jpeg():
    paper, colour, literature = (
        get_protocol(TASKS["dejpeg"], name) for name in ("paper", "colour", "literature")
    )
    whole = replace(paper, multiple=colour.multiple)
    after = replace(whole, even_last=True)
    for pictures in ("LIVE1", "Kodak24"):
        place = ("dejpeg", pictures)
        figures = _both("rgb420", "picture") | _both("rgb420_Ylim", "exact luma")
        figures |= {"rgb420_Ylim_round_psnr": ("psnr", "luma", 0)}
        yield Reading(place, pictures, colour, 3, figures | _both("rgb420_Yfull", "full luma"))
        full_chroma = replace(colour, degrade=_full_chroma)
        yield Reading(place, pictures, full_chroma, 3, _both("rgb444", "picture"))
        as_gray = replace(colour, degrade=_read_as_gray)
        figures = _both("colourfile_read_as_gray", "rounded full luma")
        yield Reading(place, pictures, as_gray, 3, figures)
        yield Reading(place, pictures, whole, 1, _both("gray_cv2_full", "picture"))
        yield Reading(place, pictures, literature, 1, _both("gray_matlabY", "picture"))
    place = ("dejpeg", "LIVE1_gray_full_even_crop")
    yield Reading(place, "LIVE1", after, 1, _both("gray_cv2_full_evencrop", "picture"))
    known = {"gray_even_before_jpeg_psnr": ("psnr", "picture", 0)}
    yield Reading(place, "LIVE1", paper, 1, known)
    plain = {"psnr": ("psnr", "picture", 0), "ssim": ("ssim", "picture", 0)}
    place = ("dejpeg", "LIVE1_gray_files_limited_range_Y")
    yield Reading(place, "LIVE1", literature, 1, plain)
    for protocol in (whole, literature):
        yield Reading(("dejpeg", "Classic5"), "Classic5", protocol, 1, plain)


def _both(name, plane):
    return {f"{name}_psnr": ("psnr", plane, 0), f"{name}_ssim": ("ssim", plane, 0)}


def _full_chroma(clean, level, seed):
    pixels = tf.cast(tf.round(clean * 255.0), tf.uint8)
    data = tf.io.encode_jpeg(pixels, quality=int(level), chroma_downsampling=False)
    return tf.io.decode_jpeg(data, dct_method="INTEGER_ACCURATE").numpy() / np.float32(255)


def _read_as_gray(clean, level, seed):
    pixels = tf.cast(tf.round(clean * 255.0), tf.uint8)
    data = tf.raw_ops.EncodeJpegVariableQuality(images=pixels, quality=int(level))
    gray = tf.io.decode_jpeg(data, 1, dct_method="INTEGER_ACCURATE").numpy() / np.float32(255)
    return np.repeat(gray, 3, axis=-1)


def _bicubic():
    paper, registered, literature = (
        get_protocol(TASKS["sr"], name) for name in ("paper", "registered", "literature")
    )

    def pillow(clean, level, seed):
        return shrink_and_enlarge(clean[None], level, antialias="pillow")[0].numpy()

    kinds = {
        "official_cv2_uint8_nomod": paper,
        "cv2_uint8_mod_s": registered,
        "cv2_uint8_dsize_nodrift": replace(paper, degrade=registered.degrade),
        "matlab_antialias_mod_s": replace(literature, even_last=True),
        "matlab_antialias_nomod": replace(paper, degrade=literature.degrade),
        "pil_bicubic_nomod": replace(paper, degrade=pillow),
    }
    planes = {"RGB": "picture", "Y": "exact luma", "Yround": "luma", "Yfull": "full luma"}
    figures = {
        f"{plane}_{metric}_b{border}": (metric, planes[plane], border)
        for plane, metrics in (("RGB", ("psnr", "ssim")), ("Y", ("psnr", "ssim")),
                               ("Yround", ("psnr",)), ("Yfull", ("psnr",)))
        for metric in metrics
        for border in (0, "s")
    }  # fmt: skip
    for name, protocol in kinds.items():
        yield Reading(("super_resolution_Set5", name), "Set5", protocol, 3, figures)


def compare(
    reading: Reading, rows: dict, paths: Sequence[Path], levels: Iterable[str]
) -> Iterator[tuple]:
    """Compares the figures of one degradation.

    Args:
        reading: The degradation.
        rows: Known figures by level, as text.
        paths: The pictures.
        levels: Levels, as text.

    Yields:
        The level, the name of the figure, our figure, the known one and the tolerance.
    """
    for word in levels:
        level, known = float(word), rows[word]
        chosen = {name: how for name, how in reading.figures.items() if name in known}
        score = functools.partial(_scores, reading, level, chosen)
        with ThreadPoolExecutor(2) as pool:
            ours = np.mean(list(pool.map(score, paths)), axis=0)
        for (name, (metric, _, _)), value in zip(chosen.items(), ours, strict=True):
            tolerance = _SSIM if metric == "ssim" else reading.tolerance
            yield word, name, float(value), known[name], tolerance


def _scores(reading, level, chosen, path):
    degraded, clean = degraded_pair(path, reading.protocol, level, reading.channels)
    # Figures of one plane and border are measured together.
    found: dict = {}
    for metric, plane, border in chosen.values():
        found.setdefault((plane, border), set()).add(metric)
    for (plane, border), metrics in found.items():
        pictures, on = (degraded, clean), plane
        if "full luma" in plane:
            pictures, on = [_full(picture, plane) for picture in pictures], "picture"
        scoring = Scoring(tuple(sorted(metrics)), on, on, int(level) if border == "s" else border)
        found[plane, border] = scoring.figures(pictures[1], [pictures[0]])[0]
    return [found[plane, border][metric] for metric, plane, border in chosen.values()]


def _full(picture, plane):
    luma = (picture @ LUMA)[..., None]
    return np.rint(luma * 255) / np.float32(255) if plane.startswith("rounded") else luma


def compare_all(known: dict, data: Path, say: Callable[[str], None]) -> tuple[int, int]:
    """Compares all figures whose pictures exist.

    Args:
        known: The file of known figures.
        data: Folder of test sets.
        say: Called with one line per figure.

    Returns:
        The number of figures compared, and of those that differ.
    """
    count, off = 0, 0
    for reading in readings():
        title = " / ".join(reading.place)
        folder = data / reading.pictures
        if not folder.is_dir():
            say(f"{title}: no pictures at {folder}")
            continue
        rows = known[reading.place[0]][reading.place[1]]
        for level, name, ours, theirs, tolerance in compare(
            reading, rows, find_pictures(folder), rows
        ):
            wrong = abs(ours - theirs) > tolerance
            count, off = count + 1, off + wrong
            mark = "OFF" if wrong else "ok"
            say(f"{mark:3} {title:45} {level:>3} {name:32} {ours:9.4f} known {theirs:9.4f} "
                f"difference {ours - theirs:+.4f}")  # fmt: skip
    return count, off


def main() -> int:
    """Prints every figure; returns 1 if one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--known", type=Path, required=True, help="JSON of the known figures")
    parser.add_argument("--data", type=Path, required=True, help="folder with CBSD68, LIVE1, ...")
    args = parser.parse_args()
    count, off = compare_all(json.loads(args.known.read_text()), args.data, print)
    print(f"{count} figures compared, {off} off by more than {_DB} dB ({_NOISE_DB} dB for noise) "
          f"or {_SSIM} of SSIM")  # fmt: skip
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
