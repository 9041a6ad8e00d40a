"""Real camera noise with ground truth: `python -m benchmarks.real_noise --data FOLDER`.

FOLDER holds pairs ``NAME_noisy`` and ``NAME_clean``, or ``NAME_real`` and ``NAME_mean``. Every
method is measured on whole pictures: at the level that it estimates, at the one constant level that
is best for the folder, and at the best level of each picture. OpenCV's non-local means is the peer
that everybody has; BM3D is measured if the package ``bm3d`` is installed (its licence allows
non-commercial use alone).

`--synthetic` FOLDER of clean pictures measures the estimator of `photo` instead: its errors at
levels of synthetic noise, what restoring at its estimates loses to the best of some levels around
the true one, and how many pictures `restore` then restores, with and without a task.

`--restored` OUT compares what `keras-hyper restore FOLDER OUT` wrote of a folder of pairs.

`--clean` FOLDERS of pictures without noise measures how many `restore` changes and by how much.

`--spectra` FOLDERS prints how sharp the clean pictures of each are: the power of their luma by
frequency.
"""

import argparse
import functools
import importlib.util
import itertools
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from keras_hyper import estimate
from keras_hyper.numbers import not_negative
from keras_hyper.restoration.level import AUTO, UsedLevel, estimator_for, level_choice
from keras_hyper.restoration.restorer import open_restorer
from pipelines import TASKS
from pipelines.color import luma
from pipelines.dataset.patch_cache import softened
from pipelines.images import find_pictures, read_picture

PAIRS = {"_noisy": "_clean", "_real": "_mean"}
NETWORK_LEVELS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25)
PEERS = {"non-local means": (2, 3, 4, 5, 6, 8, 10), "BM3D": (10, 12, 14, 16, 18, 20, 25, 30)}
SYNTHETIC_LEVELS = (0, 2, 4, 6, 9, 14)
TRIED = (0.5, 0.7, 1.0, 1.4, 2.0)
# Frequencies in cycles a pixel between which power is averaged, and the side of the tiles.
BANDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
TILE = 256
Restore = Callable[[np.ndarray, float], np.ndarray]


def main(argv: list[str] | None = None) -> None:
    """Measures the methods and prints a table in Markdown."""
    parser = argparse.ArgumentParser(prog="benchmarks.real_noise", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", type=Path, help="folder of pairs")
    what.add_argument("--synthetic", type=Path, help="folder of clean pictures")
    what.add_argument("--clean", type=Path, nargs="+", metavar="FOLDER",
                      help="folders of clean pictures")  # fmt: skip
    what.add_argument("--spectra", type=Path, nargs="+", metavar="FOLDER",
                      help="folders of clean pictures")  # fmt: skip
    parser.add_argument("--soften", type=not_negative, default=0.0, metavar="WIDTH",
                        help="blur the clean pictures by a Gaussian of this width")  # fmt: skip
    parser.add_argument("--networks", nargs="*", default=["denoise"], metavar="TASK[=MODEL]")
    parser.add_argument("--estimators", nargs="*", default=[], metavar="TASK=MODEL",
                        help="by default those that ship")  # fmt: skip
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--peer-levels", type=float, nargs="+", help="in place of the usual ones")
    parser.add_argument("--restored", type=Path, help="folder that `keras-hyper restore` wrote")
    parser.add_argument("--json", type=Path, help="file for the PSNR of every picture")
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore", message=".*outside the range trained on")
    if args.synthetic:
        print(synthetic_table(args.synthetic, args.soften))
        return
    if args.clean:
        print(clean_table(args.clean))
        return
    if args.spectra:
        print(spectra_table(args.spectra))
        return
    pairs = list(read_pairs(args.data))
    before = np.mean([psnr(noisy, clean) for _, noisy, clean in pairs])
    print(f"{args.data.name}: {len(pairs)} pictures, {before:.2f} dB before\n")
    if args.restored:
        after, changed = compared(args.data, args.restored)
        print(f"{args.restored.name}: {changed} restored, {after:.2f} dB")
        return
    record = _compare(args, pairs)
    if args.json:
        args.json.write_text(json.dumps(record, indent=1) + "\n")


def _compare(args, pairs):
    """Prints the table of the methods; returns the rows of each."""
    print("| method | best constant level | dB | best level of each picture, dB | auto, dB |")
    print("|---|---:|---:|---:|---:|")
    record = {}
    estimators = dict(text.split("=", 1) for text in args.estimators)
    for text in args.networks:
        task, _, model = text.partition("=")
        choose = level_choice(TASKS[task], AUTO, estimators.get(task))
        restorer = open_restorer(model or task, task)
        # The pixels of a pair are no file.
        record[task] = measure(
            pairs, restorer.restore, NETWORK_LEVELS, functools.partial(choose, Path(task))
        )
        print(table_row(task, record[task]), flush=True)
    for name in args.peers:
        if name == "BM3D" and not importlib.util.find_spec("bm3d"):
            continue
        restore = {"non-local means": non_local_means, "BM3D": bm3d}[name]
        record[name] = measure(pairs, restore, args.peer_levels or PEERS[name])
        print(table_row(name, record[name]), flush=True)
    return record


def _photo():
    """How `restore` chooses the level with and without ``--task photo``, and what restores."""
    choices = [level_choice(TASKS["photo"], AUTO, chosen=chosen) for chosen in (True, False)]
    return choices, open_restorer("photo", "photo", engine="auto").restore


def synthetic_table(folder: Path, soften: float = 0.0) -> str:
    """Returns a table of the estimates of `photo` on pictures with synthetic noise, in Markdown.

    Args:
        folder: Of clean pictures.
        soften: Width in pixels of the Gaussian that blurs them first; 0 for none.
    """
    task, estimator = TASKS["photo"], estimator_for("photo")
    choices, restore = _photo()
    lines = [
        "| level | mean error | absolute | lost, dB "
        "| restored with --task photo | without --task |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    paths = find_pictures(folder)
    for level in SYNTHETIC_LEVELS:
        errors, restored, lost = [], [], []
        for number, path in enumerate(paths):
            clean = noisy = read_picture(path)
            if soften:
                clean = noisy = softened(clean, soften)
            if level:
                noisy = task.degrade_picture(clean, level, (number, level))
            # The degraded picture is no file.
            used = [choose(Path(path.stem), noisy) for choose in choices]
            errors.append(estimate(noisy, estimator) - level)
            restored.append([one.needed for one in used])
            if level:
                levels = (used[0].level if used[0].needed else 0, *(level * x for x in TRIED))
                figures = [psnr(restore(noisy, x) if x else noisy, clean) for x in levels]
                lost.append(max(figures) - figures[0])
        counts = " | ".join(f"{count} of {len(paths)}" for count in np.sum(restored, axis=0))
        mean_lost = f"{np.mean(lost):.2f}" if level else ""
        lines.append(
            f"| {level} | {np.mean(errors):+.2f} | {np.mean(np.abs(errors)):.2f} | {mean_lost} "
            f"| {counts} |"
        )
    return "\n".join(lines)


def clean_table(folders: list[Path]) -> str:
    """Returns a table of what ``--task photo`` does to pictures without noise, in Markdown.

    Args:
        folders: Of clean pictures, without the noisy ones of pairs.
    """
    choices, restore = _photo()
    lines = [
        "| folder | pictures | restored with --task photo | mean change, gray levels | largest "
        "| without --task |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for folder in folders:
        changes, restored = [], []
        for path in find_pictures(folder):
            if _noisy_name(path):
                continue
            clean = read_picture(path)
            # Files may record how they were compressed; the pixels alone are looked at here.
            used = [choose(Path(path.stem), clean) for choose in choices]
            restored.append([one.needed for one in used])
            after = restore(clean, used[0].level) if used[0].needed else clean
            difference = np.rint(255 * np.clip(after, 0, 1)) - np.rint(255 * clean)
            changes.append(np.abs(difference).mean())
        asked, unasked = np.sum(restored, axis=0)
        lines.append(
            f"| {folder.name} | {len(changes)} | {asked} | {np.mean(changes):.2f} "
            f"| {max(changes):.2f} | {unasked} |"
        )
    return "\n".join(lines)


def compared(data: Path, restored: Path) -> tuple[float, int]:
    """Compares restored pictures with their ground truth.

    Args:
        data: Folder of pairs.
        restored: Folder with a picture for each noisy one, of the same name up to its suffix.

    Returns:
        Mean PSNR in dB, and the number of pictures that differ from the noisy ones.
    """
    figures, changed = [], 0
    noisy = [path for path in find_pictures(data) if _noisy_name(path)]
    for path, (_, before, clean) in zip(noisy, read_pairs(data), strict=True):
        (file,) = (restored / path.relative_to(data)).parent.glob(f"{path.stem}.*")
        after = read_picture(file)
        figures.append(psnr(after, clean))
        changed += bool((after != before).any())
    return float(np.mean(figures)), changed


def spectra_table(folders: list[Path]) -> str:
    """Returns the median power of the luma in `BANDS`, in squared 8-bit levels, in Markdown.

    Args:
        folders: Of pictures, without the noisy ones of pairs.
    """
    bands = list(itertools.pairwise(BANDS))
    heading = " | ".join(f"{low:g}-{high:g}" for low, high in bands)
    lines = [f"| folder | tiles | {heading} |", "|---|---:" + "|---:" * len(bands) + "|"]
    window = np.outer(np.hanning(TILE), np.hanning(TILE))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(TILE), np.fft.fftfreq(TILE)))
    for folder in folders:
        rows = []
        for path in find_pictures(folder):
            if _noisy_name(path):
                continue
            plane = 255 * luma(read_picture(path))[..., 0]
            for top, left in itertools.product(
                *(range(0, n - TILE + 1, TILE) for n in plane.shape)
            ):
                tile = plane[top : top + TILE, left : left + TILE]
                power = np.square(np.abs(np.fft.fft2((tile - tile.mean()) * window)))
                power /= np.square(window).sum()
                rows.append([
                    power[(frequency >= low) & (frequency < high)].mean() for low, high in bands
                ])  # fmt: skip
        medians = " | ".join(f"{power:.3g}" for power in np.median(rows, axis=0))
        lines.append(f"| {folder.name} | {len(rows)} | {medians} |")
    return "\n".join(lines)


def read_pairs(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yields name, noisy and clean picture, float32 ``(height, width, 3)`` in [0, 1].

    Raises:
        ValueError: If a noisy picture has no clean one, or the folder has no pair.
    """
    names = [(path, _noisy_name(path)) for path in find_pictures(folder)]
    noisy = [(path, name) for path, name in names if name]
    if not noisy:
        raise ValueError(f"{folder} has no pictures whose names end in {' or '.join(PAIRS)}")
    for path, (name, clean) in noisy:
        yield name, read_picture(path), read_picture(path.with_stem(name + clean))


def _noisy_name(path):
    """The name of a noisy picture, and how that of its ground truth ends; else None."""
    for noisy, clean in PAIRS.items():
        if path.stem.endswith(noisy):
            return path.stem.removesuffix(noisy), clean
    return None


def non_local_means(picture: np.ndarray, level: float) -> np.ndarray:
    """Restores by OpenCV's function for colour, with its default windows."""
    restored = cv2.fastNlMeansDenoisingColored(
        np.rint(picture[..., ::-1] * 255).astype(np.uint8), None, level, level
    )
    return restored[..., ::-1].astype(np.float32) / 255


def bm3d(picture: np.ndarray, level: float) -> np.ndarray:
    """Restores by the authors' package, as if the noise were white."""
    from bm3d import bm3d as bm3d_gray
    from bm3d import bm3d_rgb

    picture, sigma = picture.astype(np.float64), level / 255
    if np.ptp(picture, axis=-1).any():
        restored = bm3d_rgb(picture, sigma)
    else:  # its colour transform divides by the range of the chroma
        restored = np.repeat(
            bm3d_gray(picture[..., 0], sigma).reshape(*picture.shape[:2], 1), 3, -1
        )
    return np.clip(restored, 0, 1).astype(np.float32)


def psnr(picture: np.ndarray, clean: np.ndarray) -> float:
    """Returns the PSNR in dB of pictures in [0, 1], rounded to 8 bits."""
    difference = np.rint(np.clip(picture, 0, 1) * 255) - np.rint(clean * 255)
    return float(10 * np.log10(255.0**2 / np.square(difference).mean()))


def measure(
    pairs: list[tuple[str, np.ndarray, np.ndarray]],
    restore: Restore,
    levels: Sequence[float],
    choose: Callable[[np.ndarray], UsedLevel] | None = None,
) -> list[dict]:
    """Returns a row a picture: its name, PSNR by level, and of an estimate its level and PSNR.

    A picture that does not need it by its estimate is left as it is, as by `restore`.
    """
    rows = []
    for name, noisy, clean in pairs:
        row = {"name": name, "psnr": {x: psnr(restore(noisy, x), clean) for x in levels}}
        if choose is not None:
            used = choose(noisy)
            restored = restore(noisy, used.level) if used.needed else noisy
            row |= {"level": used.level, "auto": psnr(restored, clean)}
        rows.append(row)
    return rows


def table_row(name: str, rows: list[dict]) -> str:
    """Returns the row of the table for one method."""
    levels = list(rows[0]["psnr"])
    figures = np.array([[row["psnr"][level] for level in levels] for row in rows])
    means = figures.mean(axis=0)
    best = int(means.argmax())
    auto = f"{np.mean([row['auto'] for row in rows]):.2f}" if "auto" in rows[0] else ""
    return (
        f"| {name} | {levels[best]} | {means[best]:.2f} | {figures.max(axis=1).mean():.2f} "
        f"| {auto} |"
    )


if __name__ == "__main__":
    main()
