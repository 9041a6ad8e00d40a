"""The restoration of one picture by the arguments of ``keras-hyper restore``."""

import argparse
import contextlib
import warnings
from functools import partial
from pathlib import Path
from typing import Any

from keras_hyper.cli import load_plugin
from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.restoration.folder import RestoredFile, Stage, restore_file
from keras_hyper.restoration.gray import open_networks
from keras_hyper.restoration.level import level_choice
from keras_hyper.restoration.on_ray import RestoreOne
from keras_hyper.restoration.restorer import OnTile, open_restorer
from pipelines import TASKS
from pipelines.images import use_own_pixel_limit


def restore_one(
    args: argparse.Namespace,
    stages: list[Stage],
    source: Path,
    target: tuple[Path, str | None],
    on_tile: OnTile = lambda done, count: None,
) -> RestoredFile | None:
    """Restores a picture; returns None if another worker wrote its result meanwhile.

    Args:
        args: Of ``keras-hyper restore``.
        stages: See `open_stages`.
        source: The picture.
        target: The file or object to write, and what it replaces: see `write_bytes`.
        on_tile: Called with the tiles done and their number.

    Raises:
        ValueError: As `restore_file`.
        OSError: As `restore_file`.
    """
    out, replaces = target
    with contextlib.suppress(FileExistsError):
        return restore_file(
            source, out, stages, same_size=args.same_size, max_pixels=args.max_pixels,
            tile=args.tile, quality=args.quality, keep_times=args.keep_times, replaces=replaces,
            on_tile=on_tile,
        )  # fmt: skip
    return None


def open_one(args: argparse.Namespace) -> RestoreOne:
    """Opens the networks, once in each process of Ray; returns `restore_one` with them."""
    use_own_pixel_limit()
    warnings.filterwarnings("ignore", message=".*outside the range trained on")
    if args.plugin and load_plugin(["--plugin", str(args.plugin)], "keras-hyper"):
        raise WrongArgumentError(f"{args.plugin} cannot be loaded")
    return partial(restore_one, args, open_stages(args, contextlib.ExitStack()))


def open_stages(args: argparse.Namespace, opened: contextlib.ExitStack) -> list[Stage]:
    """Opens the restorations of the task, or of all that a picture may need, in their order.

    Args:
        args: Of ``keras-hyper restore``.
        opened: Closes the networks at its end.

    Raises:
        WrongArgumentError: If a network cannot be opened, or does not fit the arguments.
    """
    automatic = [name for name, task in TASKS.items() if task.automatic is not None and task.preset]
    stages = []
    for name in [args.task] if args.task else automatic:
        restorer = opened.enter_context(_open(name, args))
        choose = level_choice(
            TASKS[name], args.level, args.estimator, restorer.channels, args.strength / 100,
            chosen=bool(args.task), engine=args.engine,
        )  # fmt: skip
        stages.append(Stage(TASKS[name], restorer, choose))
        if args.tile < 2 or args.tile % restorer.multiple:
            raise WrongArgumentError(
                f"expected --tile as a positive multiple of {restorer.multiple}, got {args.tile}"
            )
    return stages


def _open(task, args):
    if not args.server:
        return open_networks(task, args.model, args.precision, args.engine)
    options: dict[str, Any] = {"compress": args.compress, "halo": args.halo}
    options |= {"concurrency": args.concurrency, "timeout": args.timeout}
    files = (args.tls_ca, args.tls_cert, args.tls_key)
    if args.tls or any(files):
        from keras_hyper.serving.client import tls

        options["credentials"] = checked(lambda: tls(*files))
    return open_restorer(f"{args.server}/{args.server_model or task}", task, **options)
