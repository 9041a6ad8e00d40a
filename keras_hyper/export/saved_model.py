"""SavedModels for TF-Serving: versions that are whole or not there."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import tensorflow as tf

from keras_hyper.export.card import card_of, estimator_facts
from keras_hyper.export.session import ServingSession
from keras_hyper.export.signatures import level_signatures, signatures
from keras_hyper.export.warm_up import read_warm_up, warm_up_alone, warm_up_requests, write_warm_up
from keras_hyper.models import HyperRes, LevelEstimator


def export_saved_model(
    model: HyperRes,
    folder: Path | str,
    *,
    card: dict | None = None,
    level: float | None = None,
    estimator: LevelEstimator | None = None,
) -> Path:
    """Writes the next version of a model in TF-Serving's layout.

    Written beside, loaded as TF-Serving loads it, warmed up, and only then renamed into place.

    Args:
        model: The network; its precision becomes the export's.
        folder: The model's folder; versions are its children that are whole numbers.
        card: Further facts for the card, such as data and figures.
        level: Exports the plain network of this level: the signatures then take no level.
        estimator: Goes into the same export: signatures ``estimate`` and ``auto``, which restores
            at the estimated level.

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
    # TF-Serving passes over names that are no number.
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    try:
        _write(model, partial, card, level, estimator)
        check_saved_model(partial)
        return _published(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def check_fits(model: HyperRes, level: float | None, estimator: LevelEstimator) -> None:
    """Checks that an estimator goes into an export of a network.

    Raises:
        ValueError: If it is for another task or other channels, or the export has one level alone.
    """
    if level is not None:
        raise ValueError(f"expected no estimator for an export of one level, got level={level:g}")
    ours, theirs = (model.task, model.channels), (estimator.task, estimator.channels)
    if ours != theirs:
        raise ValueError(
            f"expected an estimator for task {ours[0]!r} with {ours[1]} channels, "
            f"got one for {theirs[0]!r} with {theirs[1]}"
        )


def _write(model, partial, card, level, estimator):
    network = model if level is None else model.at_level(level)

    def restore(image, level):
        return network(image) if level is None else network({"image": image, "level": level})

    facts = card_of(model, level, {"tensorflow": tf.__version__, **(card or {})})
    text = json.dumps(facts, indent=1)
    sweep = model.sweep if level is None else None
    endpoints = signatures(restore, model.channels, level is None, text, sweep)
    requests, networks = {}, [network]
    if estimator is not None:
        networks.append(estimator)
        estimating = level_signatures(
            estimator.over_grid, restore, model.channels, estimator.min_side
        )
        endpoints.update(estimating)
        requests = warm_up_alone(list(estimating), model.channels)
    _save(partial, endpoints, networks)
    known = model.level_range if level is None else None
    write_warm_up(partial, {**warm_up_requests(model.channels, known), **requests})
    (partial / "assets.extra" / "card.json").write_text(text)
    os.chmod(partial, 0o755)  # mkdtemp makes it the owner's alone; a server is another user


def _save(partial, endpoints, networks):
    # Keras's ExportArchive writes every variable twice, under two names.
    module = tf.Module()
    module.weights = [variable.value for network in networks for variable in network.variables]
    made = {
        name: tf.function(function, input_signature=inputs, autograph=False)
        for name, (function, inputs) in endpoints.items()
    }
    tf.saved_model.save(
        module, str(partial), {name: one.get_concrete_function() for name, one in made.items()}
    )


def _published(partial, folder):
    while True:
        numbers = [int(path.name) for path in folder.iterdir() if path.name.isdecimal()]
        version = folder / str(max(numbers, default=0) + 1)
        try:
            # A rename onto a folder that is not empty fails: another export came first.
            os.rename(partial, version)
        except OSError:
            if not version.exists():
                raise
            continue
        return version


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
