"""Restores real photographs: `python -m benchmarks.paper.gallery --pillow DIR --out DIR`.

The photographs come from installed packages (scikit-image, matplotlib) and from Pillow's tests: DIR
is the folder ``Tests/images`` of its source, from `pip download --no-binary :all: --no-deps
pillow`. Part of each is shown unprocessed and restored at some levels.
"""

import argparse
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_hyper import HyperRes, LevelEstimator, estimate, restore
from keras_hyper.restoration.kinds import to_float, to_type
from pipelines import SAMPLE_PICTURES


@dataclass(frozen=True)
class Exhibit:
    """Part of a photograph, and the levels that it is restored at.

    Args:
        name: Name of the file to write.
        source: Package and file.
        corner: Left and top, in pixels.
        task: Name of the network.
        levels: Levels to restore at.
        twice: JPEG qualities that it is saved at before, shifted by a few pixels each time.
    """

    name: str
    source: str
    corner: tuple[int, int]
    task: str
    levels: tuple[float, ...]
    twice: tuple[int, ...] = ()


# Width and height of all parts, in pixels.
SIZE = (240, 180)
EXHIBITS = (
    Exhibit("phone-2005", "pillow/iptc.jpg", (60, 150), "dejpeg", (80, 40, 20)),
    Exhibit("games-console", "pillow/frozenpond.mpo", (180, 120), "denoise", (5, 10, 20)),
    Exhibit("cabin", "pillow/sugarshack.mpo", (60, 120), "dejpeg", (80, 40, 20)),
    Exhibit("compact", "pillow/fujifilm.mpo", (1700, 1200), "denoise", (5, 10, 20)),
    Exhibit("flower", "pillow/flower.jpg", (150, 100), "dejpeg", (80, 40, 20)),
    Exhibit("saved-twice", "pillow/flower.jpg", (150, 100), "dejpeg", (60, 30, 15), (40, 70)),
    Exhibit("date-stamp", "pillow/junk_jpeg_header.jpg", (700, 560), "dejpeg", (80, 40, 20)),
    Exhibit("portrait-scan", "mpl/grace_hopper.jpg", (170, 60), "denoise", (5, 10, 20)),
    Exhibit("printed-page", "skimage/page.png", (0, 0), "denoise", (5, 10, 20)),
    Exhibit("blackboard", "skimage/text.png", (100, 0), "denoise", (10, 20, 30)),
    Exhibit("retina", "skimage/retina.jpg", (380, 560), "denoise", (2, 5, 20)),
    Exhibit("moon", "skimage/moon.png", (20, 40), "denoise", (5, 10, 20)),
    Exhibit("old-coins", "skimage/coins.png", (0, 0), "denoise", (10, 20, 30)),
    Exhibit("deep-field", "samples/hubble_deep_field.jpg", (300, 300), "denoise", (3, 5, 20)),
)


def main() -> None:
    """Writes a strip for each and prints the estimated levels."""
    parser = argparse.ArgumentParser(prog="benchmarks.paper.gallery", description=__doc__)
    parser.add_argument(
        "--pillow", type=Path, required=True, help="Tests/images of Pillow's source"
    )
    parser.add_argument("--out", type=Path, default=Path("docs/gallery"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    estimator = LevelEstimator.from_preset("estimate")
    models = {}
    for exhibit in EXHIBITS:
        if exhibit.task not in models:
            models[exhibit.task] = HyperRes.from_preset(exhibit.task)
        strip, estimates = _strip(exhibit, models[exhibit.task], estimator, args.pillow)
        strip.save(args.out / f"{exhibit.name}.jpg", quality=90)
        print(f"{exhibit.name}: {estimates}")


def _strip(exhibit, model, estimator, pillow):
    path = _path(exhibit.source, pillow)
    with Image.open(path) as picture:
        whole = np.asarray(picture if picture.mode == "L" else picture.convert("RGB"))
    for quality in exhibit.twice:
        whole = _saved(whole[3:, 5:], quality)
    (left, top), (width, height) = exhibit.corner, SIZE
    part = slice(top, top + height), slice(left, left + width)
    estimates = f"sigma {estimate(whole, estimator):.1f}"
    quality = _quality(path, whole, exhibit.twice)
    estimates += f", JPEG quality {quality}" if quality else ", no JPEG quality"
    panels = [("as it is", whole[part])]
    for level in exhibit.levels:
        panels.append((f"{exhibit.task} {level:g}", restore(whole, level, model)[part]))
    return _beside(panels, width, height), estimates


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
        strip.paste(Image.fromarray(shown).convert("RGB"), (left, 18))
    return strip


if __name__ == "__main__":
    main()
