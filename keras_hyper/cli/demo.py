"""Opens a page on this machine: drop a picture, move the slider, see it change."""

import warnings
from pathlib import Path

from keras_hyper.cli.load import load_hyper_res, load_level_estimator
from keras_hyper.cli.one_line import WrongArgumentError
from pipelines import SAMPLE_PICTURES, TASKS


def add_arguments(parser):
    """Adds the arguments of ``keras-hyper demo``."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 lets others in")
    add("--port", type=int, default=7860, help="of the page")
    add("--models", nargs="+", default=["denoise", "dejpeg"], help="networks, one a task")
    add("--estimator", default="estimate", help="what tells the level of noise")
    add("--max-pixels", type=int, default=64_000_000, help="pictures that claim more are refused")
    add("--precision", choices=["auto", "float32", "bfloat16"], default="auto", help="of layers")


def job(args) -> None:
    """Serves the page until Ctrl-C."""
    try:
        from aiohttp import web

        from keras_hyper.live.live_page import Page
    except ModuleNotFoundError as error:
        raise WrongArgumentError(f"{error.name} is missing: pip install '.[demo]'") from error

    # The page itself shows the range.
    warnings.filterwarnings("ignore", message="level .* outside the range trained on")
    page = Page(_tasks(args), samples(), args.max_pixels)

    def say(*_):
        print(f"http://{args.host}:{args.port}")

    web.run_app(page.app(), host=args.host, port=args.port, print=say, handle_signals=True)


def samples() -> dict[str, Path]:
    """Returns the pictures that ship, by name."""
    from pipelines.decode import find_pictures

    return {path.stem: path for path in find_pictures(SAMPLE_PICTURES)}


def _tasks(args):
    from keras_hyper.cli.told_level import told_quality
    from keras_hyper.estimation import estimate
    from keras_hyper.live.live_page import LiveTask

    estimator = load_level_estimator(args.estimator)

    def quality(path, pixels):
        told = told_quality(path, pixels)
        return told and told.quality

    tellers = {estimator.task: lambda path, pixels: estimate(pixels, estimator), "dejpeg": quality}
    tasks = {}
    for name in args.models:
        model = load_hyper_res(name).with_precision(args.precision)
        task = TASKS.get(model.task)
        if task is None or task.enlarges:
            raise WrongArgumentError(
                f"a network that keeps the picture's size was wanted, for {_kept()}. {name} is for "
                f"{model.task or 'a task that it does not name'}"
            )
        tasks[model.task] = LiveTask(name, model, task.check_level, tellers.get(model.task))
    return tasks


def _kept():
    return " or ".join(name for name, task in TASKS.items() if not task.enlarges)
