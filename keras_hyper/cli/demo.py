"""Serves the interactive page on this machine."""

import argparse
import warnings

from keras_hyper.errors import WrongArgumentError
from keras_hyper.live import MAX_PIXELS, gray_network, shipped_estimators, shipped_networks
from keras_hyper.models import load_hyper_res
from keras_hyper.models.precision import multiplies_in_bfloat16
from keras_hyper.restoration.engines import (
    ONNX_ENGINES,
    OnnxRestorer,
    add_engine,
    open_estimator,
    open_onnx,
)
from pipelines import TASKS
from pipelines.images import use_own_pixel_limit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper demo``."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 for all")
    add("--port", type=int, default=7860, help="port of the page")
    add("--allowed-hosts", nargs="+", metavar="NAME", default=[],
        help="names in the Host header besides this machine's; * is all")  # fmt: skip
    add("--models", nargs="+", default=shipped_networks(), help="networks, one per task")
    estimators = shipped_estimators()
    add("--estimators", nargs="+", default=estimators, help="level estimators, one per task")
    add("--max-pixels", type=int, default=MAX_PIXELS, help="larger pictures are refused")
    add("--precision", choices=["auto", "float32", "bfloat16"], default="auto", help="of layers")
    add_engine(parser)


def job(args: argparse.Namespace) -> None:
    """Serves the page until Ctrl-C."""
    try:
        from aiohttp import web

        from keras_hyper.live.app import Page
    except ModuleNotFoundError as error:
        raise WrongArgumentError(f"{error.name} is missing: pip install '.[demo]'") from error

    from keras_hyper.live.task import live_task, sample_pictures

    estimators = [open_estimator(name, args.engine) for name in args.estimators]
    tasks = {}
    for name in args.models:
        model = _open(name, args)
        if model.task not in TASKS:
            raise WrongArgumentError(
                f"expected a network for {' or '.join(TASKS)}, got {name}, which is for "
                f"{model.task or 'an unknown task'}"
            )
        gray = gray_network(name)
        for_gray = _open(gray, args) if gray else None
        task = TASKS[model.task]
        tasks[model.task] = live_task(name, model, task, *estimators, gray=for_gray)
    # The page itself shows the range.
    warnings.filterwarnings("ignore", message="level .* outside the range trained on")
    use_own_pixel_limit(args.max_pixels)
    hosts = [name.lower() for name in args.allowed_hosts]
    app = Page(tasks, sample_pictures(), args.max_pixels).app(hosts)

    def say(*_):
        print(f"http://{args.host}:{args.port}")

    web.run_app(app, host=args.host, port=args.port, print=say, handle_signals=True)


def _open(name, args):
    precision = args.precision
    if precision == "auto":
        fast = args.engine not in ONNX_ENGINES and multiplies_in_bfloat16()
        precision = "bfloat16" if fast else "float32"
    # In bfloat16 TensorFlow is as fast, and more exact.
    engine = "tensorflow" if (args.engine, precision) == ("auto", "bfloat16") else args.engine
    if chosen := open_onnx(name, engine):
        return OnnxRestorer(name, *chosen, precision)
    return load_hyper_res(name).with_precision(precision)
