"""A SavedModel in the session that TF-Serving would run it in."""

from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2


class ServingSession:
    """Loads a SavedModel as the C++ server does: tags, variables, feeds that are not checked.

    `tf.saved_model.load` would also run exports that the server cannot, and Python's
    ``session.run`` would refuse or cast inputs that the server passes on.

    Args:
        version: The folder with ``saved_model.pb``.

    Raises:
        OSError: If the folder has no SavedModel.
    """

    def __init__(self, version: Path | str):
        self.graph = tf.Graph()
        self.session = tf.compat.v1.Session(graph=self.graph)
        # The loader is deprecated in Python; its successor would hide errors of the server.
        logger = tf.get_logger()
        level = logger.level
        logger.setLevel("ERROR")
        try:
            with self.graph.as_default():
                meta = tf.compat.v1.saved_model.loader.load(self.session, ["serve"], str(version))
        finally:
            logger.setLevel(level)
        self.definitions = dict(meta.signature_def)
        # Of them, those with a method; the initialisation op has none.
        self.signatures = {
            name: signature for name, signature in self.definitions.items() if signature.method_name
        }
        self.callables: dict = {}

    def predict(self, signature: str, inputs: dict) -> dict:
        """Runs a signature.

        Args:
            signature: Its name.
            inputs: Arrays by the signature's input names.

        Returns:
            Arrays by the signature's output names.

        Raises:
            tf.errors.OpError: With the code that the server would answer.
        """
        definition = self.signatures[signature]
        names = sorted(definition.inputs)
        outputs = sorted(definition.outputs)
        if signature not in self.callables:
            options = config_pb2.CallableOptions(
                feed=[definition.inputs[name].name for name in names],
                fetch=[definition.outputs[name].name for name in outputs],
            )
            self.callables[signature] = self.session._make_callable_from_options(options)
        answers = self.callables[signature](*(inputs[name] for name in names))
        return dict(zip(outputs, answers, strict=True))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.session.close()
