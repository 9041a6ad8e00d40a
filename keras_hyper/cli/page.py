"""Writes the interactive page as a folder for any static host: the browser restores."""

import argparse
import functools
import shutil
from pathlib import Path

from keras_hyper.cli.export import load_onnx_export
from keras_hyper.errors import WrongArgumentError
from keras_hyper.live import gray_network, shipped_estimators, shipped_networks
from keras_hyper.models import HyperRes, load_hyper_res, load_level_estimator
from keras_hyper.restoration.engines import open_onnx


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper page``."""
    add = parser.add_argument
    add("site", metavar="SITE", type=Path, help="a new folder, which is written")
    add("--models", nargs="+", default=shipped_networks(), help="networks, one per task")
    estimators = shipped_estimators()
    add("--estimators", nargs="+", default=estimators, help="level estimators, one per task")


def job(args: argparse.Namespace) -> None:
    """Writes the folder and prints how to open it."""
    from keras_hyper.live.static_site import site_task, write_site
    from keras_hyper.live.task import sample_pictures

    onnx_export = load_onnx_export()
    if args.site.exists():
        raise WrongArgumentError(f"expected a new folder, got {args.site}, which exists")
    loaded = {name: load_level_estimator(name) for name in args.estimators}
    # The estimators take colours; a gray picture becomes three equal channels.
    estimators = {
        one.task: (name, one) for name, one in loaded.items() if one.channels == 3 and not one.axis
    }
    tasks, files = [], {}
    for name in args.models:
        networks = _networks(name, estimators)
        model, *others = (networks.get(kind, ("", None))[1] for kind in ("", "estimator", "gray"))
        try:
            tasks.append(site_task(name, model, *others))
        except ValueError as error:
            raise WrongArgumentError(str(error)) from error
        files[model.task] = networks
    if len(files) < len(tasks):
        raise WrongArgumentError(f"expected one network per task, got {' '.join(args.models)}")

    write_models = functools.partial(_write_models, files, onnx_export)
    write_site(args.site, tasks, sample_pictures(), write_models)
    size = sum(file.stat().st_size for file in args.site.rglob("*") if file.is_file())
    print(
        f"{args.site}: {size / 1e6:.1f} MB, {', '.join(task['choice'] for task in tasks)}\n"
        f"Open it with\n  python -m http.server --directory {args.site} --bind 127.0.0.1"
    )


def _networks(name, estimators):
    """The networks of a task by what they are for, as (name, network)."""
    model, gray = load_hyper_res(name), gray_network(name)
    networks = {"": (name, model)}
    if gray:
        networks["gray"] = gray, load_hyper_res(gray)
    if model.task in estimators:
        networks["estimator"] = estimators[model.task]
    return networks


def _write_models(files, onnx_export, folder):
    for task, networks in files.items():
        for kind, (name, network) in networks.items():
            shipped = open_onnx(name, "auto")
            target = folder / task / kind
            if shipped:  # a file of exactly this network
                target.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(shipped[0], target / "model.onnx")
            elif isinstance(network, HyperRes):
                onnx_export.export_onnx(network, target)
            else:
                onnx_export.export_estimator_onnx(network, target)
