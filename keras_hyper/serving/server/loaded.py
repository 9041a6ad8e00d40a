"""One version of a model in memory."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_hyper.export.session import ServingSession
from keras_hyper.serving.server.errors import UnknownSignatureError, of_tensorflow

DEFAULT_SIGNATURE = "serving_default"


class LoadedVersion:
    """A SavedModel in the session that TF-Serving would run it in.

    Args:
        folder: The version's folder.

    Raises:
        OSError, ValueError, tf.errors.OpError: If it cannot be loaded.
    """

    def __init__(self, folder: Path):
        self._session = ServingSession(folder)
        self.definitions = self._session.definitions
        self.signatures = self._session.signatures

    def signature(self, name: str):
        """Returns the SignatureDef of that name; the empty name is the default one.

        Raises:
            UnknownSignatureError: FAILED_PRECONDITION.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self.definitions:
            raise UnknownSignatureError(name)
        return self.definitions[name]

    def run(
        self,
        signature: str,
        inputs: dict[str, np.ndarray],
        outputs: Sequence[str] = (),
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature: Its name.
            inputs: Arrays by input name, of the types and shapes that the signature has: Python's
                session would cast others without a word.
            outputs: Names of the outputs that are wanted; none means all.
            timeout: Seconds that it may take; None for any time.

        Returns:
            Arrays by output name.

        Raises:
            ServingError: With the code that the graph fails with.
        """
        definition = self.signature(signature)
        names = list(outputs or sorted(definition.outputs))
        options = None
        if timeout is not None:
            options = tf.compat.v1.RunOptions(timeout_in_ms=max(1, math.ceil(timeout * 1000)))
        try:
            values = self._session.session.run(
                [definition.outputs[name].name for name in names],
                {definition.inputs[name].name: value for name, value in inputs.items()},
                options=options,
            )
        except tf.errors.OpError as error:
            raise of_tensorflow(error) from error
        return dict(zip(names, values, strict=True))

    def close(self) -> None:
        """Frees the session; nothing may run in it any more."""
        self._session.session.close()
