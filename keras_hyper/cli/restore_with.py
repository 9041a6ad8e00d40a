"""What `keras-hyper restore` works with: a network here, or one on a server."""

import sys
import warnings
from pathlib import Path

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.models.load import load_hyper_res
from keras_hyper.restoration.level import AUTO


def add_server_arguments(parser):
    """Adds the arguments of a server that does the work."""
    group = parser.add_argument_group("on a server", "TF-Serving or `keras-hyper serve`")
    add = group.add_argument
    add("--server", metavar="HOST:PORT", help="its gRPC address; without it the work is done here")
    add("--server-model", metavar="NAME", help="the model there; by default named as the task")
    add("--concurrency", type=int, default=4, help="pictures, and calls, at a time")
    add("--compress", action="store_true", help="send 8-bit pictures as PNG: fewer bytes")
    add("--timeout", type=float, default=60.0, help="seconds that a tile may take")
    add("--halo", type=int, help="pixels that an output looks, for models that do not say it")
    add("--tls", action="store_true", help="encrypt; the certificate must be one known here")
    add("--tls-ca", type=Path, metavar="PEM", help="encrypt; who vouches for the server")
    add("--tls-cert", type=Path, metavar="PEM", help="this client's certificate")
    add("--tls-key", type=Path, metavar="PEM", help="its key")


def restorer_for(args):
    """Returns the restorer that the arguments ask for, checked against the task.

    Raises:
        WrongArgumentError: If they do not go together or name a network of another task.
    """
    if args.server and args.model:
        raise WrongArgumentError(
            f"--model names a network here, --server-model one there. Received: {args.model} "
            f"with --server {args.server}"
        )
    return OnServer(args) if args.server else Here(args)


class Here:
    """A network in this process.

    Args:
        args: Of the command.
    """

    concurrency = 1

    def __init__(self, args):
        self.model = load_hyper_res(args.model or args.task).with_precision(args.precision)
        self.tile = args.tile
        self.level_range, self.channels = self.model.level_range, self.model.channels
        check_task(self.model.task, args.task)

    def __call__(self, pixels, level, on_tile):
        """Returns the pixels restored at a level."""
        from keras_hyper.restoration.picture import restore

        return restore(pixels, level, self.model, tile=self.tile, on_tile=on_tile)

    def of_all(self, error: Exception) -> bool:
        """Whether an error would meet every other picture too."""
        return False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self) -> None:
        """Nothing is open."""


class OnServer:
    """A network that a server has loaded.

    Args:
        args: Of the command.
    """

    def __init__(self, args):
        from keras_hyper.serving.client import CallError, Client, tls

        files = (args.tls_ca, args.tls_cert, args.tls_key)
        secure = args.tls or any(files)
        self.tile, self.concurrency = args.tile, args.concurrency
        self.refused = CallError
        self.client = checked(
            lambda: Client(
                args.server,
                args.server_model or args.task,
                compress=args.compress,
                halo=args.halo,
                concurrency=args.concurrency,
                timeout=args.timeout,
                credentials=tls(*files) if secure else None,
            )
        )
        served = self.client.served_model()
        self.level_range, self.channels = served.level_range, served.channels
        check_task(served.card.get("task"), args.task)

    def __call__(self, pixels, level, on_tile):
        """Returns the pixels restored at a level."""
        return self.client.restore(pixels, level, tile=self.tile, on_tile=on_tile)

    def of_all(self, error: Exception) -> bool:
        """Whether an error would meet every other picture too."""
        return isinstance(error, self.refused) and not error.request_specific

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self) -> None:
        """Ends the connection; calls under way fail."""
        self.client.close()


def check_task(task: str | None, wanted: str) -> None:
    """Checks that a network is for the task that was asked for; it may not know its own.

    Raises:
        WrongArgumentError: If it is for another.
    """
    if task and task != wanted:
        raise WrongArgumentError(f"a model for {wanted} was wanted; this one is for {task}")


def warn_once(trained_on, level: float | str) -> None:
    """Says once, before the work, that a level is beyond what was trained on."""
    low, high = trained_on
    # A level that was told is nearer than the range's end where it lies outside, and needs no word.
    if level != AUTO and not low <= level <= high:
        # One line before the work instead of Python's two, with the file's name, at every picture.
        print(
            f"keras-hyper: level {level:g} is outside the range trained on, {low:g} to {high:g}",
            file=sys.stderr,
        )
    warnings.filterwarnings("ignore", message=".*outside the range trained on")
