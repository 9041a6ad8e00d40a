"""A network at k levels at once: what is trained."""

from typing import Any, Self

import keras
import numpy as np
from keras import ops


class AtLevels(keras.Model):
    """Runs a network at k levels; the base of the two models that are trained.

    Args:
        main: The network that is trained.
        stage: Index of the stage of the training.
    """

    def __init__(self, main: keras.Model, stage: int = 0, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.main, self.stage = main, stage

    def build(self, input_shape=None):
        if not self.main.built:
            self.main.build()
        self.built = True

    def get_config(self):
        config = super().get_config()
        config.pop("autocast", None)
        main = keras.saving.serialize_keras_object(self.main)
        return {**config, "main": main, "stage": self.stage}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Returns the model of a configuration, with its network."""
        main = keras.saving.deserialize_keras_object(config.pop("main"))
        return cls(main, **config)


@keras.saving.register_keras_serializable(package="keras_hyper")
class MultiLevel(AtLevels):
    """Restores every patch at k levels, by k main networks that share one hypernetwork.

    Args:
        main: The `HyperRes` that is trained.
        stage: Index of the stage of the training, for `HyperRes.select_stage`.

    Call arguments:
        inputs: A dict of ``image``, float ``(batch, k, height, width, channels)`` in [0, 1], each
            clean patch degraded at k levels; and ``level``, float ``(batch, k)``, or of several
            axes ``(batch, k, axes)``, in the task's unit, the same k levels in every row: the k
            networks serve the whole batch.

    Output shape:
        That of ``image``, float32.

    Raises:
        ValueError: If the rows of levels differ and are known, as outside of a graph; in a graph of
            TensorFlow an InvalidArgumentError.

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, figure 1.
    """

    def build(self, input_shape=None):
        super().build()
        # Before the optimizer is built or loaded: Keras does not save what is frozen.
        self.main.select_stage(self.stage)

    def __call__(self, inputs, *args, **kwargs):
        level = inputs["level"]
        known = isinstance(level, np.ndarray) or hasattr(level, "numpy")
        rows = np.asarray(level) if known else np.zeros((1, 1))
        if rows.ndim > 1 and len(rows) and np.ptp(rows, axis=0).any():
            raise ValueError(f"expected the same levels in every row, got {rows.tolist()}")
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs, training=False):
        image, level = inputs["image"], inputs["level"]
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            text = "expected the same levels in every row"
            tf.debugging.assert_equal(level, ops.broadcast_to(level[:1], ops.shape(level)), text)
        restored = [
            self.main({"image": image[:, i], "level": level[0, i]}, training=training)
            for i in range(image.shape[1])
        ]
        return ops.stack(restored, axis=1)


@keras.saving.register_keras_serializable(package="keras_hyper")
class MultiLevelEstimator(AtLevels):
    """Estimates the levels of patches at k levels each: the training of a `LevelEstimator`.

    Args:
        main: The `LevelEstimator` that is trained.

    Call arguments:
        inputs: A dict of ``image``, float ``(batch, k, height, width, channels)`` in [0, 1];
            other entries are ignored.

    Output shape:
        ``(batch, k)``, float32, in the task's unit.
    """

    def call(self, inputs):
        image = inputs["image"]
        shape = ops.shape(image)
        level = self.main(ops.reshape(image, (-1, *shape[2:])))
        return ops.reshape(level, (-1, image.shape[1]))
