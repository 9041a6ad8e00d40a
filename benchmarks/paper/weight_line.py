"""The claim that weights of several levels lie on a line, measured on trained networks.

Networks of one level each, as ``train.py --method plain --levels L --init-from START`` trains them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_hyper.evaluation.tables import figure_class, save_figure
from keras_hyper.models import HyperRes, load_hyper_res


def block_weights(model: HyperRes, level: float) -> np.ndarray:
    """Returns kernels and biases of the blocks at a level, as one vector."""
    convs = model.at_level(level).block_convs
    parts = [keras.ops.convert_to_numpy(weight) for conv in convs for weight in conv.weights]
    return np.concatenate([part.ravel() for part in parts])


class Plane:
    """The plane in which vectors vary most.

    Args:
        vectors: ``(networks, weights)``, at least 3.

    Attributes:
        shares: Of the variance, by direction, in descending order.
    """

    def __init__(self, vectors: Sequence[np.ndarray]):
        vectors = np.asarray(vectors, np.float64)
        self.mean = vectors.mean(axis=0)
        _, values, directions = np.linalg.svd(vectors - self.mean, full_matrices=False)
        self.shares, self.directions = values**2 / np.sum(values**2), directions[:2]

    def places(self, vectors: Sequence[np.ndarray]) -> np.ndarray:
        """Returns coordinates in the plane: ``(networks, weights) -> (networks, 2)``."""
        return (np.asarray(vectors) - self.mean) @ self.directions.T


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``python -m benchmarks.paper weight-line``."""
    add = parser.add_argument
    add("--models", nargs="+", required=True, help="networks of one level each, 3 or more")
    add("--others", nargs="+", default=[], help="such networks of different starts, to compare")
    add("--generated", help="a HyperRes, whose weights at those levels are drawn as a line")
    add("--plot", type=Path, help="file of the plot, such as line.svg")


def job(args: argparse.Namespace) -> None:
    """Prints how much of the differences one direction explains, and draws the plane."""
    levels, vectors = _weights(args.models)
    plane, line = Plane(vectors), None
    _print_shares("one start", plane)
    if args.others:
        _print_shares("different starts", Plane(_weights(args.others)[1]))
    if args.generated:
        generated = load_hyper_res(args.generated)
        line = plane.places([block_weights(generated, level) for level in levels])
    if args.plot:
        save_figure(plane_plot(levels, plane.places(vectors), line), args.plot)


def _weights(names):
    models = [load_hyper_res(name) for name in names]
    if len(models) < 3:
        raise ValueError(f"expected 3 networks or more, got {len(models)}")
    levels = [model.level_range[0] for model in models]
    return levels, [block_weights(one, level) for one, level in zip(models, levels, strict=True)]


def _print_shares(name, plane):
    first, second = plane.shares[:2]
    print(f"{name}: first direction {first:.1%}, second {second:.1%} of the variance")


def plane_plot(levels: Sequence[float], places: np.ndarray, line: np.ndarray | None) -> Any:
    """Returns the plot of the plane in which the weights of the networks vary most.

    Args:
        levels: Of the networks.
        places: Coordinates of `Plane.places`.
        line: Those of generated weights at these levels; None for none.
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
