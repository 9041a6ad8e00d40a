"""Restoration of many pictures as tasks of a Ray cluster, or of Ray on this machine."""

import functools
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from keras_hyper.errors import WrongArgumentError, error_text
from keras_hyper.restoration.folder import PICTURE_ERRORS, RestoredFile, StoppedError

# Restores a picture to a target; None if another worker wrote the result meanwhile.
RestoreOne = Callable[[Path, Any], RestoredFile | None]
# Tasks that run or wait: more than the cores of a cluster, and little memory for millions of them.
_IN_FLIGHT = 4096
# How often a task whose process dies starts again, also if it dies for lack of memory.
_RETRIES = 3


def restore_on_ray(
    targets: Mapping[Path, Any], open_one: Callable[[], RestoreOne]
) -> Iterator[tuple[Path, RestoredFile | Exception | None]]:
    """Restores pictures, one a task; Ray runs a task again whose process or machine died.

    Args:
        targets: Where each picture goes.
        open_one: Opens the networks, once in each process; it can be pickled.

    Yields:
        Each picture once, as it ends: what was done, None if another worker wrote its result
        meanwhile, or its error.

    Raises:
        WrongArgumentError: If Ray is not installed.
        StoppedError: If a process cannot open the networks.
    """
    ray = _connected()
    task = ray.remote(max_retries=_RETRIES)(_restore)
    remaining, settings, done = iter(targets.items()), pickle.dumps(open_one), 0
    running: dict[Any, Path] = {}
    while True:
        for source, target in islice(remaining, _IN_FLIGHT - len(running)):
            running[task.remote(settings, source, target)] = source
        if not running:
            return
        # All that end within a second: a call for each of them would slow a large cluster down.
        ready, _ = ray.wait(list(running), num_returns=len(running), timeout=1)
        for ended in ready:
            source = running.pop(ended)
            try:
                result = ray.get(ended)
            except ray.exceptions.RayTaskError as error:
                stopped = StoppedError(error.cause or error)
                stopped.done = done
                raise stopped from error
            except ray.exceptions.RayError as error:
                reason = " ".join(str(error).split())
                result = OSError(f"{source}: every process that restored it died: {reason}")
            done += isinstance(result, RestoredFile)
            yield source, result


def _connected():
    """Ray, in the cluster of RAY_ADDRESS or in one that starts on this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_task_oom_retries", str(_RETRIES))
    try:
        import ray
    except ModuleNotFoundError as error:
        raise WrongArgumentError(f"Ray is missing: pip install '.[ray]' ({error})") from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level="warning")
    return ray


@functools.lru_cache(maxsize=1)
def _opened(settings: bytes) -> RestoreOne:
    # Ray sets this to the cores of a task. TensorFlow reads another variable.
    threads = os.environ.get("OMP_NUM_THREADS", "0")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", threads)
    return pickle.loads(settings)()


def _restore(settings: bytes, source: Path, target: Any) -> RestoredFile | Exception | None:
    restore_one = _opened(settings)
    try:
        return restore_one(source, target)
    except PICTURE_ERRORS as error:
        return ValueError(error_text(error, source))  # some errors cannot be pickled
    except Exception as error:  # one file for which the program has a defect
        return ValueError(f"{source}: {type(error).__name__}: {error}")
