"""The training of Fig. 1: k main networks at once, generated from one hypernetwork."""

import keras
from keras import ops

from keras_hyper.models.hyper_res import HyperRes


@keras.saving.register_keras_serializable(package="keras_hyper")
class MultiLevel(keras.Model):
    """Restores every patch at k levels, by k main networks that share one hypernetwork.

    Args:
        main: The `HyperRes` that is trained.

    Call arguments:
        inputs: A dict of ``image``, float ``(batch, k, height, width, channels)`` in [0, 1], each
            clean patch degraded at k levels; and ``level``, float ``(batch, k)`` in the task's
            unit, the same k levels in every row: the k networks serve the whole batch.

    Output shape:
        That of ``image``, float32.

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, figure 1.
    """

    def __init__(self, main: HyperRes, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.main = main

    def build(self, input_shape=None):
        if not self.main.built:
            self.main.build()
        self.built = True

    def call(self, inputs, training=False):
        image, level = inputs["image"], inputs["level"]
        restored = [
            self.main({"image": image[:, i], "level": level[0, i]}, training=training)
            for i in range(image.shape[1])
        ]
        return ops.stack(restored, axis=1)

    def get_config(self):
        config = super().get_config()
        config.pop("autocast", None)
        return {**config, "main": keras.saving.serialize_keras_object(self.main)}

    @classmethod
    def from_config(cls, config):
        main = keras.saving.deserialize_keras_object(config.pop("main"))
        return cls(main, **config)
