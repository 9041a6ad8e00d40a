"""Images of several threads in one run of a network, which a GPU needs to be busy."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from keras_hyper.restoration.picture import run_images

if TYPE_CHECKING:
    from keras_hyper.models import HyperRes


@dataclass(eq=False)
class _Job:
    image: np.ndarray
    level: np.ndarray
    result: Future[np.ndarray] = field(default_factory=Future)

    def fits(self, other: "_Job") -> bool:
        return self.image.shape == other.image.shape and self.level.shape == other.level.shape


class Batches:
    """Runs a network on images of several threads, those of one size together.

    A call waits while the network is busy. The first that runs takes along the waiting ones of its
    size.

    Args:
        model: The network.
        most: Maximum number of images in a run.
    """

    def __init__(self, model: "HyperRes", most: int):
        self._model, self._most = model, most
        self._busy = threading.Lock()
        self._waiting: list[_Job] = []  # changed by atomic operations alone

    def __call__(self, image: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Runs the network on one image; arguments and result as of `run_network`."""
        job = _Job(image, np.asarray(level))
        self._waiting.append(job)
        with self._busy:
            if not job.result.done():
                others = [one for one in self._waiting if one is not job and one.fits(job)]
                self._run([job, *others[: self._most - 1]])
        return job.result.result()

    def _run(self, jobs):
        for job in jobs:
            self._waiting.remove(job)
        images = np.stack([job.image for job in jobs])
        levels = np.stack([job.level for job in jobs])
        # Images at one level share their kernels; a map belongs to its image.
        shared = levels.ndim < 3 and (levels == levels[0]).all()
        try:
            results = run_images(self._model, images, levels[0] if shared else levels, not shared)
        except BaseException as error:
            for job in jobs:
                job.result.set_exception(error)
        else:
            for job, result in zip(jobs, results, strict=True):
                job.result.set_result(result)
