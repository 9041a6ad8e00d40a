"""Evaluating a set at one level against the network's own time on the same pictures."""

import os
from pathlib import Path

from benchmarks.side_by_side import ratio, show
from keras_hyper import HyperRes
from keras_hyper.evaluation.report import Measurement, measure_folder
from keras_hyper.restoration.restorer import NetworkRestorer
from pipelines import SAMPLE_PICTURES, TASKS, get_protocol
from pipelines.dataset.benchmark import degraded_pair
from pipelines.images import find_pictures

LEVEL = 25.0


def run(rounds: int = 5, data: Path | None = None) -> None:
    """Prints the table.

    Args:
        rounds: How often each is timed.
        data: Folder of pictures; by default that of the variable ``CBSD68``, and without it the
            pictures that ship.
    """
    data = data or Path(os.environ.get("CBSD68") or SAMPLE_PICTURES)
    task = TASKS["denoise"]
    protocol = get_protocol(task)
    noisy = [degraded_pair(path, protocol, LEVEL, 3)[0] for path in find_pictures(data)]
    rows = []
    for precision in ("float32", "bfloat16"):
        model = HyperRes.from_preset("tiny", level_range=(5, 75)).with_precision(precision)
        restorer = NetworkRestorer("tiny", model)
        wanted = Measurement(task, protocol, (LEVEL,), precision=precision)

        def network(restorer=restorer):
            for picture in noisy:
                restorer.restore_image(picture, LEVEL)

        def evaluation(restorer=restorer, wanted=wanted):
            measure_folder(wanted, data, restorer)

        rows.append((precision, *ratio(network, evaluation, rounds)))
    show(
        f"Evaluating {len(noisy)} pictures of {data.name} at one level, tiny network",
        ("", "network alone, s", "evaluation, s", "evaluation / network"),
        rows,
    )
