"""Serves SavedModels over TF-Serving's API, gRPC and REST, on one machine."""

import gc
import logging
import math
import signal
import ssl
import sys
import threading
from pathlib import Path

from keras_hyper.errors import WrongArgumentError, checked


def add_arguments(parser):
    """Adds the arguments of ``keras-hyper serve``."""
    add = parser.add_argument
    models = parser.add_mutually_exclusive_group(required=True)
    models.add_argument(
        "--models", type=Path, metavar="DIR", help="folder with a folder a model, DIR/NAME/1"
    )
    models.add_argument(
        "--model_config_file", type=Path, metavar="F", help="TF-Serving's, with policies and labels"
    )
    add("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 lets others in")
    add("--port", type=int, default=8500, help="of gRPC; 0 takes a free one")
    add("--rest-port", type=int, default=8501, help="of REST and metrics; -1 opens none")
    add("--poll", type=float, default=1.0, help="seconds between looks at the versions; 0: once")
    add("--batch", type=int, default=1, help="most pictures that run together; 1 is off")
    add("--running", type=int, default=2, help="runs of a network at once")
    add("--waiting", type=int, default=64, help="requests that may wait or run; others must retry")
    add("--max-pixels", type=int, default=1 << 24, help="of a request")
    add("--max-message", type=int, default=1 << 28, help="bytes of a gRPC message")
    add("--tensor-content", action="store_true", help="answer in packed bytes, as 2.19's switch")
    add("--grace", type=float, default=10.0, help="seconds for requests to end when stopped")
    add("--cert", type=Path, metavar="PEM", help="certificate chain: turns TLS on")
    add("--key", type=Path, metavar="PEM", help="its key")
    add("--client-ca", type=Path, metavar="PEM", help="let in only clients certified by these")


def job(args) -> None:
    """Serves until SIGTERM or Ctrl-C."""
    _check(args)
    try:
        from keras_hyper.serving.server.server import Server
    except ModuleNotFoundError as error:
        raise WrongArgumentError(f"{error.name} is missing: pip install '.[serving]'") from error
    _log_to_stderr()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    # The libraries stay: looking for what can go when a version ends need not look at them.
    gc.freeze()
    with Server(_models(args), _options(args)) as server:
        _say(server, args)
        stopping.wait()
        print("stopping", file=sys.stderr)


def _log_to_stderr():
    import tensorflow as tf

    # The session loader that TF-Serving has is called deprecated in Python, at every load.
    tf.get_logger().setLevel(logging.ERROR)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("keras_hyper.serving")
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def _check(args):
    folder, file = args.models, args.model_config_file
    if folder is not None and not folder.is_dir():
        raise WrongArgumentError(f"--models must be a folder. Received: {folder}")
    if file is not None:
        from keras_hyper.serving.server.config import models_of_file

        checked(lambda: models_of_file(file))
    _check_numbers(args)
    _check_certificates(args)


# What a number must at least and at most be.
_LIMITS = {
    "port": (0, 65535),
    "rest_port": (-1, 65535),
    "poll": (0, math.inf),
    "grace": (0, math.inf),
    "batch": (1, math.inf),
    "running": (1, math.inf),
    "waiting": (1, math.inf),
    "max_pixels": (1, math.inf),
    # gRPC counts in 32 bits with a sign.
    "max_message": (1, (1 << 31) - 1),
}


def _check_numbers(args):
    for name, (least, most) in _LIMITS.items():
        value = getattr(args, name)
        if not least <= value <= most:
            flag = name.replace("_", "-")
            raise WrongArgumentError(f"--{flag} must be {least} to {most}. Received: {value}")


def _check_certificates(args):
    if (args.cert is None) != (args.key is None) or (args.client_ca and not args.cert):
        raise WrongArgumentError("TLS needs --cert and --key; --client-ca needs both")
    if args.cert is None:
        return
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # gRPC would open the port, and fail every caller.
        context.load_cert_chain(args.cert, args.key)
        if args.client_ca:
            context.load_verify_locations(args.client_ca)
    except (OSError, ssl.SSLError) as error:
        raise WrongArgumentError(f"the certificates cannot be read: {error}") from error


def _models(args):
    from keras_hyper.serving.server.config import models_of_file, models_of_folder

    if args.model_config_file is not None:
        models = models_of_file(args.model_config_file)
        return lambda: models
    return lambda: models_of_folder(args.models)


def _options(args):
    from keras_hyper.serving.server.options import Options

    return Options(
        host=args.host,
        port=args.port,
        rest_port=None if args.rest_port < 0 else args.rest_port,
        poll=args.poll,
        running=args.running,
        waiting=args.waiting,
        batch=args.batch,
        max_pixels=args.max_pixels,
        max_message=args.max_message,
        tensor_content=args.tensor_content,
        grace=args.grace,
        cert=args.cert,
        key=args.key,
        client_ca=args.client_ca,
    )


def _say(server, args):
    rest = "" if server.rest_port is None else f", REST {args.host}:{server.rest_port}"
    print(f"gRPC {args.host}:{server.port}{rest}", flush=True)
    for name in server.watcher.names:
        model = server.watcher.model(name)
        numbers = ", ".join(map(str, model.available)) or "none yet"
        print(f"{name}: version {numbers}", flush=True)
    if not server.watcher.names:
        wanted = (args.models or Path("DIR")) / "NAME" / "1"
        print(f"no model yet: waiting for {wanted}", file=sys.stderr)
