"""Restores real photographs: `python -m benchmarks.paper.gallery --pillow DIR --out DIR`.

The photographs come from installed packages (scikit-image, matplotlib) and from Pillow's tests: DIR
is the folder ``Tests/images`` of its source, from `pip download --no-binary :all: --no-deps
pillow`. Part of each is shown unprocessed and restored: noise at the level that is chosen without
`--level`, beside non-local means and, if installed, BM3D, which change the part as much; JPEGs at
some levels.
"""

import argparse
import importlib.util
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.real_noise import bm3d, non_local_means
from keras_hyper import HyperRes, LevelEstimator, estimate, restore
from keras_hyper.restoration.kinds import to_float, to_type
from pipelines import SAMPLE_PICTURES, TASKS


@dataclass(frozen=True)
class Exhibit:
    """Part of a photograph, and the levels that it is restored at.

    Args:
        name: Name of the file to write.
        source: Package and file.
        corner: Left and top, in pixels.
        task: Name of the network.
        levels: Levels to restore at; none for the estimated one, and those of the peers.
        twice: JPEG qualities that it is saved at before, shifted by a few pixels each time.
    """

    name: str
    source: str
    corner: tuple[int, int]
    task: str
    levels: tuple[float, ...] = ()
    twice: tuple[int, ...] = ()


# Width and height of all parts, in pixels.
SIZE = (240, 180)
# Level of pictures in which no noise is found.
WEAK = 3.0
EXHIBITS = (
    Exhibit("phone-2005", "pillow/iptc.jpg", (60, 150), "dejpeg", (80, 40, 20)),
    Exhibit("games-console", "pillow/frozenpond.mpo", (180, 120), "photo"),
    Exhibit("cabin", "pillow/sugarshack.mpo", (60, 120), "dejpeg", (80, 40, 20)),
    Exhibit("compact", "pillow/fujifilm.mpo", (1700, 1200), "photo"),
    Exhibit("flower", "pillow/flower.jpg", (150, 100), "dejpeg", (80, 40, 20)),
    Exhibit("saved-twice", "pillow/flower.jpg", (150, 100), "dejpeg", (60, 30, 15), (40, 70)),
    Exhibit("date-stamp", "pillow/junk_jpeg_header.jpg", (700, 560), "dejpeg", (80, 40, 20)),
    Exhibit("portrait-scan", "mpl/grace_hopper.jpg", (170, 60), "photo"),
    Exhibit("printed-page", "skimage/page.png", (0, 0), "photo"),
    Exhibit("blackboard", "skimage/text.png", (100, 0), "photo"),
    Exhibit("retina", "skimage/retina.jpg", (380, 560), "photo"),
    Exhibit("moon", "skimage/moon.png", (20, 40), "photo"),
    Exhibit("old-coins", "skimage/coins.png", (0, 0), "photo"),
    Exhibit("deep-field", "samples/hubble_deep_field.jpg", (300, 300), "photo"),
)


def main() -> None:
    """Writes a strip for each and prints the estimated levels."""
    parser = argparse.ArgumentParser(prog="benchmarks.paper.gallery", description=__doc__)
    parser.add_argument(
        "--pillow", type=Path, required=True, help="Tests/images of Pillow's source"
    )
    parser.add_argument("--out", type=Path, default=Path("docs/gallery"))
    names = [exhibit.name for exhibit in EXHIBITS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for exhibit in EXHIBITS:
        if exhibit.name not in args.only:
            continue
        strip, facts = _strip(exhibit, HyperRes.from_preset(exhibit.task), args.pillow)
        strip.save(args.out / f"{exhibit.name}.jpg", quality=90)
        print(f"{exhibit.name}: {facts}")


def _strip(exhibit, model, pillow):
    path = _path(exhibit.source, pillow)
    with Image.open(path) as picture:
        whole = np.atleast_3d(picture if picture.mode == "L" else picture.convert("RGB"))
    for quality in exhibit.twice:
        whole = _saved(whole[3:, 5:], quality)
    (left, top), (width, height) = exhibit.corner, SIZE
    part = slice(top, top + height), slice(left, left + width)
    panels, facts = [("as it is", whole[part])], []
    for level in exhibit.levels:
        panels.append((f"{exhibit.task} {level:g}", restore(whole, level, model)[part]))
    if exhibit.levels:
        facts.append(f"JPEG quality {_quality(path, whole, exhibit.twice)}")
    else:
        level = estimate(whole, LevelEstimator.from_preset(TASKS[exhibit.task].estimator))
        facts.append(f"estimated {level:.1f}")
        words = f"{exhibit.task} {level:.1f}"
        if level < TASKS[exhibit.task].estimator_limit:
            level, words = WEAK, f"{exhibit.task} {WEAK:g} (auto: none)"
        restored = to_float(restore(whole, level, model)[part])
        panels.append((words, restored))
        colour = np.repeat(to_float(whole[part]), 3 // whole.shape[-1], axis=-1)
        for name, peer in _peers().items():
            level = like(peer, colour, rms(restored, to_float(whole[part])))
            panels.append((f"{name} {level:.1f}", peer(colour, level)))
    return _beside(panels, width, height), ", ".join(facts)


def _peers():
    peers = {"non-local means": non_local_means}
    return peers | ({"BM3D": bm3d} if importlib.util.find_spec("bm3d") else {})


def rms(one: np.ndarray, other: np.ndarray) -> float:
    """Returns the root of the mean squared difference."""
    return float(np.sqrt(np.square(one - other).mean()))


def like(restore: Callable, picture: np.ndarray, change: float, steps: int = 6) -> float:
    """Returns the level, up to 64, at which a method changes a picture by an RMS of `change`.

    Args:
        restore: ``(picture, level) -> picture``; a higher level changes more.
        picture: In [0, 1].
        change: In [0, 1].
        steps: Halvings of the range.
    """
    low, high = 0.0, 64.0
    for _ in range(steps):
        middle = (low + high) / 2
        weaker = rms(restore(picture, middle), picture) < change
        low, high = (middle, high) if weaker else (low, middle)
    return (low + high) / 2


def _path(source, pillow):
    package, name = source.split("/")
    if package == "pillow":
        return pillow / name
    if package == "samples":
        return SAMPLE_PICTURES / name
    if package == "mpl":
        import matplotlib

        return Path(matplotlib.get_data_path()) / "sample_data" / name
    import skimage

    return Path(skimage.__file__).parent / "data" / name


def _saved(pixels, quality):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=quality)
    with Image.open(data) as picture:
        return np.asarray(picture)


def _quality(path, pixels, twice):
    from keras_hyper.restoration.level import quality_of_jpeg

    if twice:
        return f"{twice[-1]} by its tables, {min(twice)} before"
    found = quality_of_jpeg(path, pixels)
    return found and f"{found.quality:g}"


def _beside(panels, width, height):
    strip = Image.new("RGB", ((width + 4) * len(panels) - 4, height + 18), "white")
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(13)
    for place, (words, pixels) in enumerate(panels):
        left = place * (width + 4)
        draw.text((left + 2, 0), words, "black", font)
        shown = to_type(to_float(pixels), np.dtype(np.uint8))
        colour = np.repeat(shown, 3 // shown.shape[-1], axis=-1)
        strip.paste(Image.fromarray(colour), (left, 18))
    return strip


if __name__ == "__main__":
    main()
