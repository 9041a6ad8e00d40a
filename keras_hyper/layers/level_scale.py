"""The map from a level in its unit to the generators' scalar."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="keras_hyper")
class LevelScale(keras.layers.Layer):
    """Maps levels of a range to -1..1.

    Args:
        level_range: Lowest and highest level, or such a pair for each level axis.

    Call arguments:
        level: In the unit of the range: ``(batch,)`` or ``(batch, axes)``, ``()`` or ``(axes,)``.

    Output shape:
        That of ``level``, float32.

    Raises:
        ValueError: If a lowest level is not below the highest.
    """

    def __init__(self, level_range: Sequence[Any], **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        shape = np.shape(level_range)
        if not (shape[-1:] == (2,) and len(shape) < 3 and np.all(np.diff(level_range) > 0)):
            raise ValueError(
                f"expected `level_range` of a lowest and a highest level, got {level_range}"
            )
        pairs = [(float(low), float(high)) for low, high in np.reshape(level_range, (-1, 2))]
        self.axes = len(pairs)
        self.level_range = pairs[0] if len(shape) == 1 else tuple(pairs)

    def call(self, level):
        if self.axes > 1 and level.shape[-1:] != (self.axes,):
            raise ValueError(f"expected {self.axes} numbers for each level, got {level.shape}")
        level = ops.cast(level, "float32")
        bounds = np.moveaxis(np.asarray(self.level_range, "float32"), -1, 0)
        low, high = (ops.convert_to_tensor(bound) for bound in bounds)
        return (2.0 * level - (low + high)) / (high - low)

    def compute_output_shape(self, level_shape):
        return level_shape

    def get_config(self):
        return {**super().get_config(), "level_range": self.level_range}
