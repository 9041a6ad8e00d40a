"""Writes the interactive page as a folder for any static host: the browser restores."""

import argparse
from pathlib import Path

from keras_hyper.cli.export import load_onnx_export
from keras_hyper.errors import WrongArgumentError
from keras_hyper.models import load_hyper_res, load_level_estimator
from pipelines import TASKS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper page``."""
    add = parser.add_argument
    add("site", metavar="SITE", type=Path, help="a new folder, which is written")
    shipped = [task.preset for task in TASKS.values() if task.preset and not task.enlarges]
    add("--models", nargs="+", default=shipped, help="networks, one per task")
    add("--estimator", default="estimate", help="estimator of the noise level")


def job(args: argparse.Namespace) -> None:
    """Writes the folder and prints how to open it."""
    from keras_hyper.live.static_site import site_task, write_site
    from keras_hyper.live.task import sample_pictures

    onnx_export = load_onnx_export()
    if args.site.exists():
        raise WrongArgumentError(f"expected a new folder, got {args.site}, which exists")
    models = [(name, load_hyper_res(name)) for name in args.models]
    estimator = load_level_estimator(args.estimator)
    try:
        tasks = [site_task(name, model, estimator) for name, model in models]
    except ValueError as error:
        raise WrongArgumentError(str(error)) from error
    if len({task["name"] for task in tasks}) < len(tasks):
        raise WrongArgumentError(f"expected one network per task, got {' '.join(args.models)}")

    def write_models(folder):
        for _, model in models:
            onnx_export.export_onnx(model, folder / model.task)
        if any("estimator" in task for task in tasks):
            onnx_export.export_estimator_onnx(estimator, folder / "estimate")

    write_site(args.site, tasks, sample_pictures(), write_models)
    size = sum(file.stat().st_size for file in args.site.rglob("*") if file.is_file())
    print(
        f"{args.site}: {size / 1e6:.1f} MB, {' and '.join(task['name'] for task in tasks)}\n"
        f"Open it with\n  python -m http.server --directory {args.site} --bind 127.0.0.1"
    )
