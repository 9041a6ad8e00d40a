"""Estimation of the noise level of a picture."""

import numpy as np
from keras import ops

from keras_hyper.models import LevelEstimator
from keras_hyper.restoration.kinds import checked_picture, split_alpha, to_float


def estimate(picture: np.ndarray, model: LevelEstimator) -> float:
    """Estimates the level of white Gaussian noise in a picture: the median over a grid of crops.

    Args:
        picture: ``(height, width)`` or ``(height, width, 1 to 4)``, sides of 16 and up; uint8,
            uint16, or float in [0, 1]. Alpha is ignored. A colour network takes gray as three
            equal channels; a gray network takes the channels of colour one by one.
        model: The network.

    Returns:
        The level in the network's unit, at least 0; of noise the standard deviation on the 0-255
        scale for every type. Deterministic.

    Raises:
        ValueError: If the picture is of another shape, type or range, or too small.
    """
    pixels, _ = split_alpha(checked_picture(picture))
    if min(pixels.shape[:2]) < model.min_side:
        raise ValueError(
            f"expected a picture of at least {model.min_side}x{model.min_side} pixels to estimate "
            f"a level, got {pixels.shape[1]}x{pixels.shape[0]}"
        )
    image = to_float(pixels)
    if model.channels == 3:
        batch = np.broadcast_to(image, (*image.shape[:2], 3))[None]
    else:
        batch = np.moveaxis(image, -1, 0)[..., None]
    return float(np.mean(ops.convert_to_numpy(model.over_grid(ops.convert_to_tensor(batch)))))
