"""OpenVINO or ONNX Runtime in place of a version's network, with the checks of the export."""

import logging
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_hyper.errors import WrongArgumentError
from keras_hyper.export.session import ServingSession
from keras_hyper.export.signatures import restored_floats, signatures
from keras_hyper.restoration.engines import OnnxRestorer, open_onnx

_log = logging.getLogger(__name__)
# Largest difference of a pixel to the version's own graph: that of the engines to Keras.
_TOLERANCE = 1e-4


class _Network(OnnxRestorer):
    """The file as the signatures of an export call a network."""

    def sweep(self, image: tf.Tensor, level: tf.Tensor | None) -> tf.Tensor:
        """Restores pictures at a level each, or one picture at several levels."""
        # TensorFlow keeps the function for ever, and would keep a closed version's network.
        own = weakref.proxy(self)

        def restored(images, levels):
            count = max(len(images), len(levels))
            pairs = [(images[n % len(images)], levels[n % len(levels)]) for n in range(count)]
            return np.stack([own.run(*pair) for pair in pairs])

        levels = tf.zeros((1,)) if level is None else level
        result = tf.numpy_function(restored, [image, levels], tf.float32, stateful=False)
        return tf.ensure_shape(result, (None, *image.shape[1:]))


class EngineSession(ServingSession):
    """The restoring signatures of a version, with checks, decoding and tiles of the export.

    Args:
        path: The network's ``model.onnx``.
        engine: One of `keras_hyper.restoration.engines.ONNX_ENGINES`.
        definitions: Of the version. Its other signatures are passed over.
    """

    def __init__(self, path: Path, engine: str, definitions: dict[str, Any]):
        self.engine, self.network = engine, _Network(str(path), path, engine)
        self.graph, self.definitions, self.callables = tf.Graph(), {}, {}
        with_level = self.network.only_level is None
        endpoints = signatures(self.network.sweep, self.network, with_level, "")
        del endpoints["describe"]
        for name, (function, inputs) in endpoints.items():
            definition = definitions.get(name)
            if definition and {spec.name for spec in inputs} == set(definition.inputs):
                self.definitions[name] = definition
                # Traced outside: inside a graph `==` would compare tensors as Python's objects.
                traced = tf.function(function, input_signature=inputs, autograph=False)
                concrete = traced.get_concrete_function()
                with self.graph.as_default():
                    self._add(definition, concrete, inputs)
        if "auto" in definitions:
            self._add_restoring()
        self.signatures = self.definitions
        self.session = tf.compat.v1.Session(graph=self.graph)

    def _add(self, definition, function, inputs):
        """Adds a function with the names of tensors that a version's definition has."""
        given = [
            tf.compat.v1.placeholder(
                spec.dtype, spec.shape, definition.inputs[spec.name].name.removesuffix(":0")
            )
            for spec in inputs
        ]
        with tf.name_scope("engine"):
            answers = function(*given)
        for name, answer in answers.items():
            tf.identity(answer, definition.outputs[name].name.removesuffix(":0"))

    def _add_restoring(self):
        """Adds what ``auto`` needs: pictures that were checked, at estimated levels of any size."""

        def restore(image, level):
            return restored_floats(self.network.sweep, image, level, self.network)

        shapes = (None, None, None, self.network.channels), (None,)
        inputs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
        traced = tf.function(restore, input_signature=inputs, autograph=False)
        concrete = traced.get_concrete_function()
        with self.graph.as_default():
            self._given = [tf.compat.v1.placeholder(tf.float32, shape) for shape in shapes]
            self._restored = concrete(*self._given)

    def restore(self, image: np.ndarray, level: np.ndarray, options: Any) -> np.ndarray:
        """Restores checked pictures at levels that may be outside the unit, as ``auto`` does.

        Args:
            image: float32 ``(batch, height, width, channels)``.
            level: float32 ``(batch,)``.
            options: RunOptions, or None.

        Raises:
            tf.errors.OpError: With the code that the server would answer.
        """
        given = dict(zip(self._given, (image, level), strict=True))
        return self.session.run(self._restored, given, options=options)

    def difference(self, version: ServingSession) -> float:
        """Returns the largest difference of a pixel to the version, at both ends of the levels."""
        if "serving_default" not in self.signatures:
            return float("inf")
        shape = 2, 40, 56, self.network.channels
        inputs = {"image": np.random.default_rng(0).random(shape, np.float32)}
        if self.network.only_level is None:
            inputs["level"] = np.transpose(self.network.level_range).astype(np.float32)
        both = [one.predict("serving_default", inputs)["restored"] for one in (self, version)]
        return float(np.abs(both[0] - both[1]).max())


def open_engine(folder: Path, version: ServingSession, engine: str) -> EngineSession | None:
    """Opens the ``model.onnx`` beside the versions of a model, if it is this version's network.

    Args:
        folder: The version's folder.
        version: The version as TensorFlow runs it.
        engine: One of `keras_hyper.restoration.engines.ENGINES`.

    Returns:
        None where TensorFlow runs the version: if it is the engine, on a GPU, without such a file,
        or, as the log says, where the file cannot be read or its results differ.

    Raises:
        WrongArgumentError: If OpenVINO or ONNX Runtime is named, and there is no such file, it
            cannot be read, or its results differ.
    """
    path = folder.parent / "model.onnx"
    try:
        chosen = open_onnx(str(path), engine)
        return chosen and _equal_session(*chosen, folder, version)
    except Exception as error:  # a damaged file can raise anything
        text = str(error)
        if not isinstance(error, WrongArgumentError):
            text = f"expected {path} to restore as {folder}, got {type(error).__name__}: {text}"
        if engine != "auto":
            raise WrongArgumentError(text) from error
    _log.warning("%s: TensorFlow runs this version", text)
    return None


def _equal_session(path, engine, folder, version):
    session = EngineSession(path, engine, version.definitions)
    try:
        difference = session.difference(version)
        # Of a network that returns no number at all too.
        if not difference <= _TOLERANCE:
            raise WrongArgumentError(
                f"expected {path} to restore as {folder}, got a difference of {difference:.1g}"
            )
    except BaseException:
        session.session.close()
        raise
    return session
