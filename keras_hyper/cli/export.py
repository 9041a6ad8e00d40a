"""Writes the next version of a model in TF-Serving's layout, or an ONNX file."""

import argparse
from pathlib import Path
from typing import Any

from keras_hyper.errors import WrongArgumentError, checked
from keras_hyper.export.card import hash_files
from keras_hyper.models import HyperRes, LevelEstimator, load_hyper_res, load_level_estimator
from keras_hyper.models.presets import file_of, load
from keras_hyper.restoration.level import chosen_level, level_or_auto
from keras_hyper.training.folder import read_json
from pipelines import TASKS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper export``."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model.keras, or the name of a preset")
    add("out", metavar="OUT", type=Path, help="the model's folder; gets 1/, 2/ ..., or model.onnx")
    formats = ["saved_model", "onnx"]
    add("--format", choices=formats, default="saved_model", help="what to write")
    add("--level", type=level_or_auto, action="append", help="only the plain network of this "
        "level; of several axes noise=15 jpeg=40")  # fmt: skip
    add("--estimator", help="put a level estimator in too: a model.keras or a name")
    add("--card", type=Path, metavar="F", help="JSON file of facts for the card")
    add("--precision", choices=["float32", "bfloat16"], default="float32", help="of the layers")
    add("--force", action="store_true", help="replace an ONNX file and its card")


def job(args: argparse.Namespace) -> None:
    """Exports and says how to go on."""
    if args.format == "onnx" and (args.estimator or args.precision != "float32"):
        raise WrongArgumentError("--format onnx is float32 and takes no --estimator")
    card = checked(lambda: read_json(args.card, dict)) if args.card else {}
    if args.format == "onnx":
        return _write_onnx(args, card)
    model = load_hyper_res(args.model).with_precision(args.precision)
    args.level = _checked_level(args.level, model)
    from keras_hyper.export.saved_model import check_fits, export_saved_model
    from keras_hyper.export.session import ServingSession

    estimator = load_level_estimator(args.estimator) if args.estimator else None
    if estimator:
        checked(lambda: check_fits(model, args.level, estimator))
    version = export_saved_model(model, args.out, card=card, level=args.level, estimator=estimator)
    with ServingSession(version) as session:
        names = ", ".join(sorted(session.signatures))
    folder = args.out.resolve()
    print(
        f"{version}: loads and runs as TF-Serving does it\nsignatures: {names}\n\nServe it with\n"
        f"  docker run -p 8500:8500 -p 8501:8501 -v {folder}:/models/{folder.name} "
        f"-e MODEL_NAME={folder.name} tensorflow/serving:2.17.1"
    )


def _checked_level(words, model):
    """The level of --level; None without one."""
    if words is None:
        return None
    task = TASKS.get(model.task)
    level = chosen_level(words, task) if task else words[0]
    if isinstance(level, str) or (task is None and (model.axes or len(words) > 1)):
        raise WrongArgumentError(f"expected a level as a number, got {words[0]}")
    return level


def _write_onnx(args, card):
    """Writes a network or an estimator for engines without Keras."""
    onnx_export = load_onnx_export()
    file = file_of(args.model, HyperRes, LevelEstimator)
    model = load((HyperRes, LevelEstimator), str(file)).with_precision("float32")
    # Engines use an ONNX file beside a network only if it is of that network.
    facts = {"model_keras": hash_files([file])} if args.level is None else {}
    options: dict[str, Any] = {"card": {**facts, **card}, "replace": args.force}
    numbers = f"[{len(model.axes)}]" if getattr(model, "axes", ()) else "a float32 number"
    level = "" if args.level is not None else f" and `level`, {numbers}"
    inputs, output = f"[B,H,W,{model.channels}] in [0,1]{level}", "restored"
    write = onnx_export.export_onnx
    if isinstance(model, LevelEstimator):
        if args.level is not None:
            raise WrongArgumentError("expected no --level with an estimator")
        inputs, output = f"[B,H,W,{model.channels}] in [0,1]", "level"
        write = onnx_export.export_estimator_onnx
    else:
        options["level"] = _checked_level(args.level, model)
    try:
        path = write(model, args.out, **options)
    except FileExistsError as error:
        raise WrongArgumentError(f"{error}, or --force") from error
    print(
        f"{path}: answers under onnxruntime as the network does\n"
        f"inputs: `image`, float32 {inputs}; output: `{output}`"
    )


def load_onnx_export():
    """Returns the module that writes ONNX files.

    Raises:
        WrongArgumentError: If a package that it needs is missing.
    """
    try:
        from keras_hyper.export import onnx as onnx_export
    except ModuleNotFoundError as error:
        raise WrongArgumentError(f"{error.name} is missing: pip install '.[onnx]'") from error
    return onnx_export
