"""Noise, then JPEG: `python -m benchmarks.two_levels --data CBSD68 --model runs/denoise+dejpeg`.

Compares a network of `denoise+dejpeg` with those of one level that ship: each alone, and one after
the other. These are measured at several levels, and their best one counts. With `--estimates` it
compares instead the levels of `--level auto` with the true ones, and what they cost.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.real_noise import psnr
from keras_hyper.restoration.level import estimators_for, find_levels
from keras_hyper.restoration.restorer import open_restorer
from pipelines import TASKS
from pipelines.dataset.benchmark import degraded_pair
from pipelines.images import find_pictures

# Factors of the noise's level: JPEG removes part of it.
FACTORS = (0.6, 0.8, 1.0, 1.2)
# Noise and quality whose estimates are measured.
ESTIMATED = ((5.0, 80.0), (15.0, 40.0), (30.0, 20.0))


def main(argv: list[str] | None = None) -> None:
    """Prints mean PSNR by method as a table in Markdown."""
    parser = argparse.ArgumentParser(prog="benchmarks.two_levels", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of clean pictures")
    add("--model", required=True, help="network of denoise+dejpeg")
    add("--noise", type=float, default=15.0, help="sigma")
    add("--quality", type=float, default=40.0, help="of JPEG, after the noise")
    add("--estimates", action="store_true", help="compare the levels of --level auto")
    add("--estimator", nargs="*", default=[], help="of --estimates, in place of those that ship")
    args = parser.parse_args(argv)
    if args.estimates:
        return print_estimates(args)
    levels = args.noise, args.quality
    pairs = [pair for _, pair in degraded_pairs(args.data, levels)]
    print(f"{args.data.name}: {len(pairs)} pictures, sigma {args.noise:g}, then quality "
          f"{args.quality:g}\n")  # fmt: skip
    print("| method | best noise level | PSNR, dB |\n|---|---:|---:|")
    for name, candidates in methods(args):
        means = {
            words: np.mean([psnr(restore(degraded), clean) for degraded, clean in pairs])
            for words, restore in candidates.items()
        }
        best = max(means, key=means.__getitem__)
        print(f"| {name} | {best} | {means[best]:.2f} |", flush=True)


def degraded_pairs(data: Path, levels: tuple[float, float]) -> list[tuple[Path, tuple]]:
    """Returns the path of each picture of a folder, with the degraded and the clean picture."""
    protocol = TASKS["denoise+dejpeg"].protocols[0]
    return [
        (path, degraded_pair(path, protocol, levels, channels=3)) for path in find_pictures(data)
    ]


def print_estimates(args: argparse.Namespace) -> None:
    """Prints mean levels that are estimated from pixels, their mean absolute errors and PSNR."""
    task = TASKS["denoise+dejpeg"]
    estimators = estimators_for(task, args.estimator)
    restore = open_restorer(args.model, task.name).restore
    print("| true levels | noise estimated (error) | quality estimated (error) | PSNR, dB, at the "
          "true levels | at the estimated |\n|---|---:|---:|---:|---:|")  # fmt: skip
    for levels in ESTIMATED:
        found, figures = [], []
        for path, (degraded, clean) in degraded_pairs(args.data, levels):
            estimated = find_levels(task, path, degraded, estimators).level
            found.append(estimated)
            tried = levels, estimated
            figures.append([psnr(restore(degraded, level), clean) for level in tried])
        errors = np.abs(np.subtract(found, levels)).mean(0)
        pairs = zip(np.mean(found, 0), errors, strict=True)
        cells = [f"{mean:.1f} ({error:.1f})" for mean, error in pairs]
        cells += [f"{mean:.2f}" for mean in np.mean(figures, 0)]
        print(f"| noise={levels[0]:g} jpeg={levels[1]:g} | {' | '.join(cells)} |", flush=True)


def methods(args: argparse.Namespace) -> list[tuple[str, dict[str, Callable]]]:
    """Returns the rows: a name, and ``picture -> restored`` by the words for its level of noise."""
    denoise, dejpeg = (open_restorer(name).restore for name in ("denoise", "dejpeg"))
    both = open_restorer(args.model, "denoise+dejpeg").restore
    levels = {f"{factor * args.noise:g}": factor * args.noise for factor in FACTORS}

    def each(run):
        return {words: lambda picture, x=x: run(picture, x) for words, x in levels.items()}

    quality = args.quality
    return [
        ("as it is", {"": lambda picture: picture}),
        ("denoise", each(denoise)),
        ("dejpeg", {"": lambda picture: dejpeg(picture, quality)}),
        ("denoise, then dejpeg", each(lambda picture, x: dejpeg(denoise(picture, x), quality))),
        ("dejpeg, then denoise", each(lambda picture, x: denoise(dejpeg(picture, quality), x))),
        (
            "denoise+dejpeg",
            {f"{args.noise:g}": lambda picture: both(picture, (args.noise, quality))},
        ),
    ]


if __name__ == "__main__":
    main()
