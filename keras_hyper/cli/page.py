"""Writes the page with the slider as a folder for any static host: the browser restores."""

from pathlib import Path

from keras_hyper.cli.export import load_onnx_export
from keras_hyper.errors import WrongArgumentError
from keras_hyper.models.load import load_hyper_res, load_level_estimator
from pipelines import TASKS


def add_arguments(parser):
    """Adds the arguments of ``keras-hyper page``."""
    add = parser.add_argument
    add("site", metavar="SITE", type=Path, help="the folder to write, a new one")
    shipped = [task.preset for task in TASKS.values() if task.preset and not task.enlarges]
    add("--models", nargs="+", default=shipped, help="networks, one a task")
    add("--estimator", default="estimate", help="what tells the level of noise")


def job(args) -> None:
    """Writes the folder and says how to look at it."""
    onnx_export = load_onnx_export()
    if args.site.exists():
        raise WrongArgumentError(f"{args.site} is there: a new folder was wanted")
    models = [(name, load_hyper_res(name)) for name in args.models]
    estimator = load_level_estimator(args.estimator)
    tasks = [_facts(name, model, estimator) for name, model in models]
    if len({task["name"] for task in tasks}) < len(tasks):
        raise WrongArgumentError(f"one network a task was wanted. Received: {args.models}")

    def write_models(folder):
        for _, model in models:
            onnx_export.export_onnx(model, folder / model.task)
        if any("teller" in task for task in tasks):
            onnx_export.export_estimator_onnx(estimator, folder / "estimate" / "model.onnx")

    from keras_hyper.cli.demo import samples
    from keras_hyper.live.static_site import write_site

    write_site(args.site, tasks, samples(), write_models)
    size = sum(file.stat().st_size for file in args.site.rglob("*") if file.is_file())
    print(
        f"{args.site}: {size / 1e6:.1f} MB, {' and '.join(task['name'] for task in tasks)}\n"
        f"Look at it with\n  python -m http.server --directory {args.site} --bind 127.0.0.1"
    )


def _facts(name, model, estimator):
    from keras_hyper.live.tasks import live_task

    task = TASKS.get(model.task)
    if task is None or task.enlarges:
        kept = " or ".join(name for name, task in TASKS.items() if not task.enlarges)
        raise WrongArgumentError(
            f"a network that keeps the picture's size was wanted, for {kept}. {name} is for "
            f"{model.task or 'a task that it does not name'}"
        )
    # The estimator sees colours; a gray picture goes as three equal ones.
    estimates = task.name == estimator.task and estimator.channels == 3
    facts = {
        "name": task.name,
        **live_task(Path(name).name, model, task, estimator).facts(),
        "paints": False,
        "tells": estimates or "level_of_file" in task.browser,
        "spoils": "degrade" in task.browser,
        "degradation": task.browser.get("degrade"),
        "strength": task.strength,
        "file": f"models/{task.name}/model.onnx",
        "channels": model.channels,
        "halo": model.halo,
    }
    if estimates:
        facts["teller"] = {
            "file": "models/estimate/model.onnx",
            "crop": estimator.crop,
            "grid": estimator.grid,
            "min_side": estimator.min_side,
        }
    return facts
