"""Opens a page on this machine: drop a picture, move the slider, see it change."""

import warnings
from pathlib import Path

from keras_hyper.errors import WrongArgumentError
from keras_hyper.models.load import load_hyper_res, load_level_estimator
from pipelines import SAMPLE_PICTURES, TASKS


def add_arguments(parser):
    """Adds the arguments of ``keras-hyper demo``."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 lets others in")
    add("--port", type=int, default=7860, help="of the page")
    shipped = [task.preset for task in TASKS.values() if task.preset]
    add("--models", nargs="+", default=shipped, help="networks, one a task")
    shipped = [task.estimator for task in TASKS.values() if task.estimator]
    add("--estimators", nargs="+", default=shipped, help="estimators of levels, one a task")
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
    from pipelines.images import find_pictures

    return {path.stem: path for path in find_pictures(SAMPLE_PICTURES)}


def _tasks(args):
    from keras_hyper.live.tasks import live_task

    loaded = [load_level_estimator(name) for name in args.estimators]
    estimators = {estimator.task: estimator for estimator in loaded}
    tasks = {}
    for name in args.models:
        model = load_hyper_res(name).with_precision(args.precision)
        if model.task not in TASKS:
            raise WrongArgumentError(
                f"a network for {' or '.join(TASKS)} was wanted. {name} is for "
                f"{model.task or 'a task that it does not name'}"
            )
        estimator = estimators.get(model.task)
        tasks[model.task] = live_task(name, model, TASKS[model.task], estimator)
    return tasks
