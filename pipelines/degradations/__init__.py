"""Degradations: batched tensor code, ``(image, level, seed) -> image``."""

import numpy as np
import tensorflow as tf

# Tensor code takes either, and eager or symbolic tensors alike.
Array = tf.Tensor | np.ndarray
Level = float | Array
Seed = tuple[int, int] | Array
