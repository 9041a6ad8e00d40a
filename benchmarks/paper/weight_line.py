"""The claim that weights of several levels lie on a line, measured on trained networks.

Networks of one level each, as ``train.py --method plain --levels L --init-from START`` trains them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_hyper.evaluation.tables import figure_class
from keras_hyper.models import HyperRes, load_hyper_res


def block_weights(model: HyperRes, level: float) -> np.ndarray:
    """Returns kernels and biases of the blocks at a level, as one vector."""
    convs = model.at_level(level).block_convs
    parts = [keras.ops.convert_to_numpy(weight) for conv in convs for weight in conv.weights]
    return np.concatenate([part.ravel() for part in parts])


def explained(vectors: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the share of the variance that each direction explains, and places on the first two.

    Args:
        vectors: One a network, at least 3.

    Returns:
        Shares in descending order, and coordinates ``(networks, 2)``.
    """
    centred = np.asarray(vectors, np.float64)
    centred = centred - centred.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    return values**2 / np.sum(values**2), left[:, :2] * values[:2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``python -m benchmarks.paper weight-line``."""
    add = parser.add_argument
    add("--models", nargs="+", required=True, help="networks of one level each, 3 or more")
    add("--generated", help="a HyperRes, whose weights at those levels are drawn as a line")
    add("--plot", type=Path, help="file of the plot, such as line.svg")


def job(args: argparse.Namespace) -> None:
    """Prints how much of the differences one direction explains, and draws the plane."""
    models = [load_hyper_res(name) for name in args.models]
    if len(models) < 3:
        raise ValueError(f"expected 3 networks or more, got {len(models)}")
    levels = [model.level_range[0] for model in models]
    shares, places = explained(
        [block_weights(model, level) for model, level in zip(models, levels, strict=True)]
    )
    print(f"first direction {shares[0]:.1%}, second {shares[1]:.1%} of the variance")
    line = None
    if args.generated:
        generated = load_hyper_res(args.generated)
        shares, line = explained([block_weights(generated, level) for level in levels])
        print(f"generated weights: first direction {shares[0]:.1%}")
    if args.plot:
        plane_plot(levels, places, line).savefig(args.plot)


def plane_plot(levels: Sequence[float], places: np.ndarray, line: np.ndarray | None) -> Any:
    """Returns the plot of the plane in which the weights of the networks vary most.

    Args:
        levels: Of the networks.
        places: Coordinates of `explained`.
        line: Those of generated weights, in their own plane; None for none.
    """
    figure = figure_class()(figsize=(5.2, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.plot(*places.T, "o-", color="#1b6e3c", label="one network a level")
    if line is not None:
        axes.plot(*line.T, "s--", color="#8fce9f", label="generated")
    for level, place in zip(levels, places, strict=True):
        axes.annotate(f"{level:g}", place, xytext=(4, 4), textcoords="offset points")
    axes.set(xlabel="first direction", ylabel="second direction", aspect="equal")
    axes.legend(fontsize="small", frameon=False)
    return figure
