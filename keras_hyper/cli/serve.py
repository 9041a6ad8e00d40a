"""Serves SavedModels over TF-Serving's API, gRPC and REST, on one machine."""

import argparse
import dataclasses
import gc
import importlib
import logging
import signal
import sys
import threading
from functools import partial
from pathlib import Path

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.numbers import at_least_one, not_negative, whole
from keras_hyper.restoration.engines import add_engine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper serve``; `Options` has the other defaults."""
    models = parser.add_mutually_exclusive_group(required=True)
    models.add_argument("--models", type=Path, metavar="DIR", help="folder of models, DIR/NAME/1")
    models.add_argument(
        "--model_config_file", type=Path, metavar="F", help="TF-Serving's, with policies and labels"
    )
    add = partial(parser.add_argument, default=argparse.SUPPRESS)
    count = whole(1)
    add("--host", help="network interface, default 127.0.0.1; 0.0.0.0 is all of them")
    add("--port", type=whole(0, 65535), help="port of gRPC, default 8500; 0 takes a free one")
    add(
        "--rest-port",
        type=whole(-1, 65535),
        help="port of REST and metrics, default 8501; -1 is off",
    )
    add("--poll", type=not_negative, help="seconds between checks for new versions; 0 is once")
    add("--batch", type=count, help="maximum batch size of joined requests; 1 turns batching off")
    add("--running", type=count, help="most runs of a network at a time")
    add("--max-queue", type=count, help="most requests, queued or running; others must retry")
    add("--max-pixels", type=count, help="most pixels of a request")
    add("--max-memory", type=count, help="most bytes of all requests together, above the models")
    # gRPC's number is a signed one of 32 bits.
    add("--max-message", type=whole(1, (1 << 31) - 1), help="most bytes of a message")
    add("--tensor-content", action="store_true", help="answer in packed bytes, as 2.19's switch")
    add("--grace", type=not_negative, help="seconds for running requests when stopped")
    add("--allowed-hosts", nargs="+", metavar="NAME", help="names in REST's Host header; * is all")
    add("--idle", type=at_least_one, help="seconds until an unused connection is closed")
    add("--grpc_channel_arguments", metavar="NAME=VALUE,...", help="gRPC's, as TF-Serving's switch")
    add_engine(parser)
    add("--access-log", type=Path, metavar="F", help="file that gets a line of JSON for each call")
    add("--traces", action="store_true", help="send traces to $OTEL_EXPORTER_OTLP_ENDPOINT")
    add("--cert", type=Path, metavar="PEM", help="certificate chain; turns TLS on")
    add("--key", type=Path, metavar="PEM", help="key of the certificate")
    add("--client-ca", type=Path, metavar="PEM", help="require client certificates of these")


def job(args: argparse.Namespace) -> None:
    """Serves until SIGTERM or Ctrl-C."""
    given = vars(args)
    if args.models and not args.models.is_dir():
        raise WrongArgumentError(f"--models: no such folder: {args.models}")
    _check_tls(*map(given.get, ("cert", "key", "client_ca")))
    try:
        from keras_hyper.serving.server import Options, Server, config

        if "traces" in given:
            importlib.import_module("keras_hyper.serving.server.traces")
    except ModuleNotFoundError as error:
        extra = "traces" if "opentelemetry" in str(error.name) else "serving"
        raise WrongArgumentError(f"expected {error.name}: pip install '.[{extra}]'") from error
    configs = partial(config.models_of_folder, args.models)
    if args.models is None:
        checked(lambda: config.models_of_file(args.model_config_file))
        configs = partial(config.models_of_file, args.model_config_file)
    names = given.keys() & {field.name for field in dataclasses.fields(Options)}
    options = Options(**{name: given[name] for name in names})
    arguments = checked(lambda: config.channel_arguments(given.get("grpc_channel_arguments", "")))
    hosts = tuple(name.lower() for name in options.allowed_hosts)
    port = None if options.rest_port == -1 else options.rest_port
    options = dataclasses.replace(
        options, channel_arguments=arguments, allowed_hosts=hosts, rest_port=port
    )
    _log_to_stderr()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    gc.freeze()  # keeps the libraries out of the collections that follow the end of a version
    with checked(partial(Server, configs, options)) as server:
        rest = "" if server.rest_port is None else f", REST {options.host}:{server.rest_port}"
        print(f"gRPC {options.host}:{server.port}{rest}", flush=True)
        for name in server.models.names:
            versions = ", ".join(map(str, server.models.model(name).available)) or "none yet"
            print(f"{name}: version {versions}", flush=True)
        if not server.models.names:
            print(f"no model yet: expected {args.models}/NAME/1", file=sys.stderr)
        stopping.wait()
        print("stopping", file=sys.stderr)


def _check_tls(cert, key, client_ca):
    if (cert is None) != (key is None) or (client_ca and not cert):
        raise WrongArgumentError("TLS needs --cert and --key; --client-ca needs both")


def _log_to_stderr():
    import tensorflow as tf

    # Python's session loader, which TF-Serving's equals, warns at every load that it is deprecated.
    tf.get_logger().setLevel(logging.ERROR)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("keras_hyper.serving")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
