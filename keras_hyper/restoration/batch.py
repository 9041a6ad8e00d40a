"""Restoration of the pictures of one run: here, on a server, or on Ray."""

import contextlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.plugins import run_plugin
from keras_hyper.restoration import folder, pairs
from keras_hyper.restoration.folder import RestoredFile, Stage, restore_file
from keras_hyper.restoration.gray import open_networks, open_served
from keras_hyper.restoration.kinds import outside_range
from keras_hyper.restoration.level import AUTO, automatic_tasks, level_choice
from keras_hyper.restoration.on_ray import RestoreOne, restore_on_ray
from keras_hyper.restoration.restorer import OnTile
from pipelines import TASKS
from pipelines.images import is_object, local_copy, use_own_pixel_limit

# Where each picture goes, and what it replaces there: see `pipelines.images.write_bytes`.
Targets = Mapping[Path, tuple[Path, str | None]]
# What was done to each picture, and the errors of the others.
Results = tuple[dict[Path, RestoredFile], dict[Path, Exception]]


@dataclass(frozen=True)
class Options:
    """What is restored, and how.

    Args:
        source: A picture or a folder of pictures.
        out: The file or folder to write.
        task: The degradation to remove; None: what each picture needs.
        level: In the task's unit, of several axes a tuple; ``"auto"`` estimates it.
        strength: Per cent of the level's strength.
        estimator: Of the level: a file or the name of a preset; None: the one that ships.
        model: A network's file, folder or preset; None: the one that ships.
        precision: ``"auto"``, ``"float32"`` or ``"bfloat16"``.
        engine: What runs the networks; see `keras_hyper.restoration.engines`.
        tile: Tile size in pixels without the margin.
        same_size: See `restore_file`.
        max_pixels: See `restore_file`.
        quality: See `restore_file`.
        keep_times: See `restore_file`.
        resume: Whether an earlier run may have restored some of the folder.
        runner: ``"ray"``, or None.
        plugin: A Python file that registers tasks, for other processes.
        server: gRPC address of a server; None restores here.
        server_model: The model there; by default named as the task.
        concurrency: Number of pictures, and of calls, at once.
        compress: Whether 8-bit pictures are sent as PNG.
        timeout: Seconds for a tile.
        halo: Margin in pixels, for models without a card.
        tls: Whether to encrypt.
        tls_ca: Certificate authority of the server.
        tls_cert: Certificate of the client.
        tls_key: Key of the client.

    Raises:
        WrongArgumentError: If options exclude one another.
    """

    source: Path
    out: Path
    task: str | None
    level: Any
    strength: int
    estimator: str | None
    model: str | None
    precision: str
    engine: str
    tile: int
    same_size: bool
    max_pixels: int
    quality: int | None
    keep_times: bool
    resume: bool
    runner: str | None
    plugin: Path | None
    server: str | None
    server_model: str | None
    concurrency: int
    compress: bool
    timeout: float
    halo: int | None
    tls: bool
    tls_ca: Path | None
    tls_cert: Path | None
    tls_key: Path | None

    def __post_init__(self):
        if self.keep_times and (is_object(self.source) or is_object(self.out)):
            raise WrongArgumentError("expected files of this machine with --keep-times")
        if self.runner and not self.source.is_dir():
            raise WrongArgumentError(f"expected a folder with --runner, got {self.source}")
        if self.server and self.runner:
            raise WrongArgumentError("expected --server or --runner, got both")
        if self.server and self.model:
            raise WrongArgumentError("expected --server (with --server-model) or --model, got both")
        for name in ("model", "estimator", "server"):
            if getattr(self, name) and not self.task:
                raise WrongArgumentError(f"expected --task with --{name}")

    @property
    def settings(self) -> dict[str, Any]:
        """What must be equal in a run that resumes another."""
        level = list(self.level) if isinstance(self.level, tuple) else self.level
        return {"task": self.task, "level": level, "strength": self.strength,
                "same_size": self.same_size,
                "model": str(self.server_model or self.model or self.task)}  # fmt: skip


def read_all(targets: Targets, options: Options) -> Results:
    """Reads all pictures and restores none.

    Returns:
        What would change in each picture, and the errors of those that cannot be read or written.
    """
    done: dict[Path, RestoredFile] = {}
    errors: dict[Path, Exception] = {}
    for source, (out, _) in targets.items():
        try:
            with local_copy(source) as copy:
                pages = folder.read_pages_for(copy, out, options.max_pixels)
            done[source] = RestoredFile((), folder.notes_of(pages, out))
        except folder.PICTURE_ERRORS as error:
            errors[source] = error
    return done, errors


def restore_all(targets: Targets, options: Options) -> Results:
    """Restores pictures, with a progress bar on a terminal.

    Warnings about levels outside the range are ignored from then on; a given one is printed once.

    Raises:
        WrongArgumentError: As `open_stages`.
        StoppedError: After an error that would occur with every picture.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    bar = Progress(console=console, disable=not console.is_terminal)
    with contextlib.ExitStack() as opened, bar:
        stages = open_stages(options, opened)
        # One line for all pictures, instead of a warning for each.
        warnings.filterwarnings("ignore", message=".*outside the range trained on")
        level_range = stages[0].restorer.level_range
        if options.level != AUTO and (outside := outside_range(options.level, level_range)):
            console.print(f"keras-hyper: {outside}", markup=False, highlight=False, soft_wrap=True)
        if options.source.is_dir():
            pairs.write_record(options.out, options.settings, options.resume)
        advance = partial(bar.advance, bar.add_task("pictures", total=len(targets)))
        if options.runner:
            return _on_ray(targets, options, advance)
        return _here(targets, stages, options, bar, advance)


def _on_ray(targets, options, advance):
    done, errors = {}, {}
    for source, result in restore_on_ray(targets, partial(open_one, options)):
        advance()
        if isinstance(result, Exception):
            errors[source] = result
        elif result:
            done[source] = result
    return done, errors


def _here(targets, stages, options, bar, advance):
    done = {}

    def restore(source):
        line = bar.add_task(source.name, total=None)
        try:
            file = restore_one(
                options, stages, source, targets[source],
                lambda tiles, count: bar.update(line, completed=tiles, total=count),
            )  # fmt: skip
            if file:
                done[source] = file
        finally:
            bar.remove_task(line)
            advance()

    if options.source.is_dir():
        return done, folder.restore_many(targets, restore, stages[0].restorer)
    try:
        restore(options.source)
    except folder.PICTURE_ERRORS as error:
        return {}, {options.source: error}
    return done, {}


def restore_one(
    options: Options,
    stages: list[Stage],
    source: Path,
    target: tuple[Path, str | None],
    on_tile: OnTile = lambda done, count: None,
) -> RestoredFile | None:
    """Restores a picture; returns None if another worker wrote its result meanwhile.

    Args:
        options: How.
        stages: See `open_stages`.
        source: The picture.
        target: The file or object to write, and what it replaces.
        on_tile: Called with the tiles done and their number.

    Raises:
        ValueError: As `restore_file`.
        OSError: As `restore_file`.
    """
    out, replaces = target
    with contextlib.suppress(FileExistsError):
        return restore_file(
            source, out, stages, same_size=options.same_size, max_pixels=options.max_pixels,
            tile=options.tile, quality=options.quality, keep_times=options.keep_times,
            replaces=replaces, on_tile=on_tile,
        )  # fmt: skip
    return None


def open_one(options: Options) -> RestoreOne:
    """Opens the networks, once in each process of Ray; returns `restore_one` with them."""
    use_own_pixel_limit(options.max_pixels)
    warnings.filterwarnings("ignore", message=".*outside the range trained on")
    if options.plugin:
        run_plugin(options.plugin)
    return partial(restore_one, options, open_stages(options, contextlib.ExitStack()))


def open_stages(options: Options, opened: contextlib.ExitStack) -> list[Stage]:
    """Opens the restorations of the task, or of all that a picture may need, in their order.

    Args:
        options: How to restore.
        opened: Closes the networks at its end.

    Raises:
        WrongArgumentError: If a network cannot be opened, or does not fit the options.
    """
    stages = []
    for task in [TASKS[options.task]] if options.task else automatic_tasks():
        restorer = opened.enter_context(_open(task.name, options))
        choose = level_choice(
            task, options.level, options.estimator, restorer.channels,
            options.strength / 100, chosen=bool(options.task), engine=options.engine,
        )  # fmt: skip
        stages.append(Stage(task, restorer, choose))
        if options.tile < 2 or options.tile % restorer.multiple:
            raise WrongArgumentError(
                f"expected --tile as a positive multiple of {restorer.multiple}, got {options.tile}"
            )
    return stages


def _open(task, options):
    if not options.server:
        return open_networks(task, options.model, options.precision, options.engine)
    words: dict[str, Any] = {"compress": options.compress, "halo": options.halo}
    words |= {"concurrency": options.concurrency, "timeout": options.timeout}
    files = (options.tls_ca, options.tls_cert, options.tls_key)
    if options.tls or any(files):
        from keras_hyper.serving.client import tls

        words["credentials"] = checked(lambda: tls(*files))
    return open_served(options.server, task, options.server_model, **words)
