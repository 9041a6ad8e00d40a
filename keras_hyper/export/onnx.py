"""ONNX files: for runtimes without TensorFlow, such as a browser."""

import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx

from keras_hyper.export.card import card_of
from keras_hyper.models import HyperRes, LevelEstimator
from keras_hyper.models.plain_res import PlainRes

OPSET = 17
# Largest difference between the outputs of the file and of the network.
TOLERANCE = 1e-4
# An odd size and an even one.
_SIZES = ((33, 47), (64, 48))
_VERSIONS = {one.__name__: one.__version__ for one in (onnx, tf2onnx, onnxruntime, tf)}


def export_onnx(
    model: HyperRes,
    folder: Path | str,
    *,
    card: dict | None = None,
    level: Any = None,
    replace: bool = False,
) -> Path:
    """Writes ``model.onnx`` and ``card.json``; returns the path of ``model.onnx``.

    The inputs are ``image``, float32 ``(batch, height, width, channels)`` in [0, 1] of any sides,
    and ``level``, a float32 number in the task's unit, of several axes ``(axes,)``; the output is
    ``restored``, of the image's shape, clipped to [0, 1]. The files appear after onnxruntime has
    given equal results.

    Args:
        model: The network, in float32.
        folder: Where the two files go.
        card: Further facts for the card, such as data and figures.
        level: Exports the plain network of this level: ``level`` is no input then.
        replace: Whether existing files are replaced.

    Raises:
        ValueError: If the network is in another precision, or the file's results differ.
        FileExistsError: If one of the two files exists.
    """
    _check_free(folder, replace)
    _check_precision(model)
    network = model if level is None else model.at_level(level)

    def restore(image, level=None):
        restored = network(image) if level is None else network({"image": image, "level": level})
        # Of a gray picture the conversion sometimes loses a step that takes a dimension off.
        return {"restored": tf.reshape(tf.clip_by_value(restored, 0.0, 1.0), tf.shape(image))}

    facts = card_of(model, level, {"onnx_opset": OPSET, **_VERSIONS, **(card or {})})
    axes = [len(model.axes)] if model.axes else []
    levels = [tf.TensorSpec(axes, tf.float32, name="level")] if level is None else []
    data = _converted(restore, [_image(model.channels), *levels])
    _check(data, restore, model.channels, np.transpose(model.level_range) if level is None else [])
    return _write(folder, data, facts)


def export_as_keras_does(model: HyperRes | PlainRes, path: Path | str) -> Path:
    """Writes the network's call, with its inputs: what ``model.export(format="onnx")`` does.

    The level is an input of each image, ``(batch,)`` or ``(batch, axes)``, which costs more than
    the one level of `export_onnx`, and the output is not clipped. An existing file is replaced.

    Args:
        model: The network, in float32.
        path: A name that ends in ``.onnx``, or a folder for ``model.onnx``.

    Returns:
        The path of the file.

    Raises:
        ValueError: If the network is in another precision, or the file's results differ.
    """
    _check_precision(model)
    inputs, levels = [_image(model.channels)], []
    if isinstance(model, HyperRes):
        shape = model.input_signature["level"].shape
        inputs.append(tf.TensorSpec(shape, tf.float32, name="level"))
        # Lowest and highest, each for the one image of the check.
        levels = list(np.transpose(model.level_range)[:, None])

    def restore(image, level=None):
        restored = model(image) if level is None else model({"image": image, "level": level})
        return {"restored": tf.reshape(restored, tf.shape(image))}

    data = _converted(restore, inputs)
    _check(data, restore, model.channels, levels)
    path = Path(path)
    path = path if path.suffix == ".onnx" else path / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(path, data)
    return path


def export_estimator_onnx(
    estimator: LevelEstimator,
    folder: Path | str,
    *,
    card: dict | None = None,
    replace: bool = False,
) -> Path:
    """Writes an estimator as `export_onnx` does: ``image`` in, ``level`` ``(batch,)`` out.

    Whoever runs the file cuts out a grid of crops: `grid` times `grid` of `crop` pixels a side, or
    of the picture's where that is less. `LevelEstimator.rank` names the crop whose level counts.

    Args:
        estimator: The network.
        folder: Where ``model.onnx`` and ``card.json`` go.
        card: Further facts for the card.
        replace: Whether existing files are replaced.

    Raises:
        ValueError: If the file's results differ from the network's.
        FileExistsError: If one of the two files exists.
    """
    _check_free(folder, replace)

    def estimate(image):
        return {"level": estimator(image)}

    data = _converted(estimate, [_image(estimator.channels)])
    _check(data, estimate, estimator.channels, [], tolerance=1e-2)  # of levels, 0 to 255
    names = ("task", "axis", "unit", "level_range", "channels", "min_side", "crop", "grid", "rank")
    facts = {name: getattr(estimator, name) for name in names}
    return _write(folder, data, {**facts, "onnx_opset": OPSET, **_VERSIONS, **(card or {})})


def _check_free(folder, replace):
    existing = [Path(folder) / name for name in ("model.onnx", "card.json")]
    if not replace and any(path.exists() for path in existing):
        raise FileExistsError(f"an ONNX file exists in {folder}: expected another folder")


def _check_precision(model):
    if model.dtype_policy.name != "float32":
        raise ValueError(f"expected a network in float32, got one in {model.dtype_policy.name}")


def _write(folder, data, facts):
    path = Path(folder) / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(path.with_name("card.json"), json.dumps(facts, indent=1).encode())
    _write_whole(path, data)
    return path


def _image(channels):
    return tf.TensorSpec((None, None, None, channels), tf.float32, name="image")


def _converted(function, inputs) -> bytes:
    def exp_minus_one(graph, node, *_):  # no operation of ONNX
        [source], [result] = node.input, node.output
        graph.remove_node(node.name)
        power = graph.make_node("Exp", [source])
        one = graph.make_const(f"{node.name}_one", np.ones((), np.float32))
        graph.make_node("Sub", [power.output[0], one.output[0]], outputs=[result], name=node.name)

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    proto, _ = tf2onnx.convert.from_function(
        tf.function(function, input_signature=inputs),
        input_signature=inputs,
        opset=OPSET,
        custom_op_handlers={"Expm1": (exp_minus_one, [])},
    )
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def _check(data, function, channels, levels, tolerance=TOLERANCE):
    """Runs the file and the network on pictures of two sizes, at each of the levels."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for height, width in _SIZES:
        image = rng.random((1, height, width, channels), dtype=np.float32)
        for level in levels if len(levels) else [None]:
            inputs = {"image": image}
            if level is not None:
                inputs["level"] = np.array(level, np.float32)
            [answer] = session.run(None, inputs)
            [expected] = function(**{name: tf.constant(x) for name, x in inputs.items()}).values()
            # Shapes first: a difference of arrays of other shapes may be one, too.
            if answer.shape != expected.shape:
                raise ValueError(
                    f"expected shape {tuple(expected.shape)} from the ONNX file, as from the "
                    f"network, got {answer.shape}"
                )
            difference = float(np.abs(answer - expected.numpy()).max())
            if not difference <= tolerance:
                raise ValueError(
                    f"expected results of the ONNX file within {tolerance:g} of the network's, "
                    f"got {difference:g} for {width}x{height} pixels at level {level}"
                )


def _write_whole(path, data):
    """Writes a file that is whole or not there."""
    handle, partial = tempfile.mkstemp(prefix=".partial-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(partial, 0o644)  # mkstemp makes it the owner's alone
        os.rename(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
