"""SavedModels for TF-Serving: versions that are whole or not there."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from keras_hyper.export.card import card_of, estimator_facts, version_number
from keras_hyper.export.session import ServingSession
from keras_hyper.export.signatures import level_signatures, signatures
from keras_hyper.export.tiles import whole_pixels
from keras_hyper.models import HyperRes, LevelEstimator

# TF-Serving runs the requests of this file before a version becomes available.
_WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"
# Seconds after which a folder that an export left is removed by the next one.
_OLD = 3600.0


def export_saved_model(
    model: HyperRes,
    folder: Path | str,
    *,
    card: dict | None = None,
    level: Any = None,
    estimator: LevelEstimator | None = None,
) -> Path:
    """Writes the next version of a model in TF-Serving's layout.

    Written beside, loaded as TF-Serving loads it, warmed up, and only then renamed into place.

    Args:
        model: The network; its precision becomes the export's.
        folder: The model's folder; versions are its children that are whole numbers.
        card: Further facts for the card, such as data and figures.
        level: Exports the plain network of this level: the signatures then take no level.
        estimator: Adds the signatures ``estimate``, and ``auto``, which restores at that level.

    Returns:
        The version's folder.

    Raises:
        ValueError: If the estimator does not fit the network.
        OSError: If the folder cannot be written or the disk is full; no version appears then.
    """
    if estimator is not None:
        check_fits(model, level, estimator)
        card = {**(card or {}), "estimator": estimator_facts(estimator)}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".partial-*"):
        # Of an export that was killed; one that runs is younger.
        if time.time() - left.stat().st_mtime > _OLD:
            shutil.rmtree(left, ignore_errors=True)
    # TF-Serving passes over names that are no number.
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    try:
        _write(model, partial, card, level, estimator)
        check_saved_model(partial)
        return _published(partial, folder)
    except tf.errors.OpError as error:
        # TensorFlow raises other classes than OSError for files.
        raise OSError(f"{folder} cannot be written: {error.message}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _published(partial, folder):
    while True:
        numbers = [version_number(path.name) or 0 for path in folder.iterdir()]
        version = folder / str(max(numbers, default=0) + 1)
        try:
            os.rename(partial, version)
            return version
        except OSError:
            # It exists and is not empty: another export came first.
            if not version.exists():
                raise


def check_fits(model: HyperRes, level: Any, estimator: LevelEstimator) -> None:
    """Checks that an estimator goes into an export of a network.

    Raises:
        ValueError: If it is for another task or other channels, or the export has one level alone.
    """
    if level is not None:
        raise ValueError(f"expected no estimator for an export of one level, got {level=}")
    if model.axes:
        raise ValueError(f"expected no estimator for a network of several levels: {model.axes}")
    ours, theirs = (model.task, model.channels), (estimator.task, estimator.channels)
    if ours != theirs:
        raise ValueError(
            f"expected an estimator for task {ours[0]!r} with {ours[1]} channels, "
            f"got one for {theirs[0]!r} with {theirs[1]}"
        )


def _write(model, partial, card, level, estimator):
    network = model if level is None else model.at_level(level)

    def restore(image, level):
        return network(image) if level is None else model.infer({"image": image, "level": level})

    ours = {"tensorflow": tf.__version__, "whole_pixels": whole_pixels(model.halo)}
    text = json.dumps(card_of(model, level, {**ours, **(card or {})}), indent=1)
    endpoints = signatures(restore, model, level is None, text)
    requests = warm_up_requests(model.channels, None if level is not None else model.level_range)
    networks = [network]
    if estimator is not None:
        networks.append(estimator)
        image = {"image": requests["serving_default"]["image"]}
        estimating = level_signatures(estimator.over_grid, restore, model, estimator.min_side)
        endpoints.update(estimating)
        requests.update(dict.fromkeys(estimating, image))
    # Keras's ExportArchive writes every variable twice, under two names.
    module = tf.Module()
    module.weights = [variable.value for network in networks for variable in network.variables]
    functions = {
        name: tf.function(function, input_signature=inputs, autograph=False)
        for name, (function, inputs) in endpoints.items()
    }
    concrete = {name: function.get_concrete_function() for name, function in functions.items()}
    tf.saved_model.save(module, str(partial), concrete)
    write_warm_up(partial, requests)
    (partial / "assets.extra" / "card.json").write_text(text)
    os.chmod(partial, 0o755)  # mkdtemp makes it the owner's alone; a server is another user


def check_saved_model(version: Path) -> None:
    """Loads a version as TF-Serving does and runs its warm-up requests.

    Raises:
        ValueError: If a request fails.
    """
    with ServingSession(version) as session:
        for signature, inputs in read_warm_up(version).items():
            try:
                session.predict(signature, inputs)
            except tf.errors.OpError as error:
                raise ValueError(f"{signature} of {version}: {error.message}") from error


def warm_up_requests(channels: int, levels: Sequence[Any] | None, side: int = 64) -> dict:
    """Returns one small request for each signature: inputs by name, by name of the signature.

    Args:
        channels: 1 or 3.
        levels: Lowest and highest level, or such a pair for each axis; None for an export of one
            level.
        side: Side of the picture in pixels.
    """
    pixels = np.full((1, side, side, channels), 128, np.uint8)
    floats = np.float32(pixels) / np.float32(255)
    png = tf.io.encode_png(pixels[0]).numpy()
    # Of several axes the lowest of each, and the highest.
    ends = np.transpose(np.array(levels or (), np.float32))
    first = {"level": ends[:1]} if levels is not None else {}
    requests = {
        "serving_default": {"image": floats, **first},
        "serving_uint8": {"image": pixels, **first},
        "serving_bytes": {"image_bytes": np.array([png], object), **first},
        "describe": {"query": np.array([b""], object)},
    }
    if levels is not None:
        requests["sweep"] = {"image": floats, "level": ends}
    return requests


def write_warm_up(version: Path, requests: dict[str, dict]) -> None:
    """Writes warm-up requests to the path of TF-Serving's convention."""
    path = version / _WARM_UP
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests.items():
            record = PredictionLog()
            request = record.predict_log.request
            request.model_spec.name = "restorer"
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            writer.write(record.SerializeToString())


def read_warm_up(version: Path) -> dict[str, dict]:
    """Reads the warm-up requests of an export: inputs by name, by name of the signature."""
    requests = {}
    for data in tf.data.TFRecordDataset(str(version / _WARM_UP)).as_numpy_iterator():
        request = PredictionLog.FromString(data).predict_log.request
        requests[request.model_spec.signature_name] = {
            name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()
        }
    return requests
