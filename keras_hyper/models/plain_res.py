"""The network of one level, in ordinary convolutions."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_hyper.models.trunk import MainNetwork


@keras.saving.register_keras_serializable(package="keras_hyper")
class PlainRes(MainNetwork):
    """The network of one level alone, in ordinary convolutions: what `HyperRes.at_level` returns.

    Args:
        level: The level that it restores, in the task's unit; one for each of several axes.
        **kwargs: As in `HyperRes`.

    Call arguments:
        image: float ``(batch, height, width, channels)`` in [0, 1], sides of 1 and up.

    Output shape:
        That of ``image``, float32. Not clipped: values may leave [0, 1] by a little.

    Raises:
        ValueError: If an argument makes no network, or the image does not fit it.
    """

    def __init__(self, level: float | Sequence[float] = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.level = np.asarray(level, float).tolist()

    def call(self, image):
        return self.run_layers(self.check_image(image), lambda conv, x, _: conv(x))

    def get_config(self):
        return {**super().get_config(), "level": self.level}
