"""The training of a level estimator: every patch at k levels."""

import keras
from keras import ops

from keras_hyper.models.level_estimator import LevelEstimator


@keras.saving.register_keras_serializable(package="keras_hyper")
class MultiLevelEstimator(keras.Model):
    """Tells the levels of patches that come at k levels each, as `MultiLevel` restores them.

    Args:
        main: The `LevelEstimator` that is trained.

    Call arguments:
        inputs: A dict of ``image``, float ``(batch, k, height, width, channels)`` in [0, 1];
            whatever else it holds is not looked at.

    Output shape:
        ``(batch, k)``, float32, in the task's unit.
    """

    def __init__(self, main: LevelEstimator, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.main = main

    def build(self, input_shape=None):
        if not self.main.built:
            self.main.build()
        self.built = True

    def call(self, inputs):
        image = inputs["image"]
        shape = ops.shape(image)
        level = self.main(ops.reshape(image, (-1, *shape[2:])))
        return ops.reshape(level, (-1, image.shape[1]))

    def get_config(self):
        config = super().get_config()
        config.pop("autocast", None)
        return {**config, "main": keras.saving.serialize_keras_object(self.main)}

    @classmethod
    def from_config(cls, config):
        main = keras.saving.deserialize_keras_object(config.pop("main"))
        return cls(main, **config)
