"""A run that begins with what another network has learned."""

import numpy as np

from keras_hyper.layers import HyperConv2D
from keras_hyper.models import HyperRes


def begin_with(model: HyperRes, start: HyperRes) -> None:
    """Gives a network the weights of a trained one of its size.

    Between gray and colour the two ends are converted: on a gray picture the result is the mean of
    the three channels of `start`'s. At another task a level means something else, so there the
    convolutions begin at every level as `start`'s do at the middle of its range.

    Args:
        model: Gets the weights; built.
        start: Has them.

    Raises:
        ValueError: If the two are of different sizes, or one adds the picture and one does not.
    """
    for name in ("blocks", "filters", "image_residual", "tail_form"):
        wanted, found = getattr(model, name), getattr(start, name)
        if wanted != found:
            raise ValueError(
                f"A network of {name} {wanted} was wanted to begin with. "
                f"Received: one of {name} {found}"
            )
    for layer, source in zip(model.layers, start.layers, strict=True):
        if isinstance(layer, HyperConv2D):
            slope, offset = _level_of(model, start)
            w, b, bias_w, bias_b = (np.array(part) for part in source.get_weights())
            layer.set_weights([slope * w, b + offset * w, slope * bias_w, bias_b + offset * bias_w])
        elif layer is model.head:
            kernel, bias = source.get_weights()
            layer.set_weights([_inputs(kernel, model.channels), bias])
        elif layer is model.tail:
            layer.set_weights(
                [_outputs(part, start.channels, model.channels) for part in source.get_weights()]
            )
        else:
            layer.set_weights(source.get_weights())


def _level_of(model, start):
    """Slope and offset from the scalar of `model` to that of `start`."""
    if model.task != start.task:
        low, high = start.level_range
        return 0.0, ((low + high) / 2 - start.level_offset) / start.level_scale
    offset = (model.level_offset - start.level_offset) / start.level_scale
    return model.level_scale / start.level_scale, offset


def _inputs(kernel, channels):
    """A kernel ``(rows, columns, in, out)`` for another number of colours."""
    if kernel.shape[2] == channels:
        return kernel
    gray = kernel.sum(axis=2, keepdims=True)
    return gray if channels == 1 else np.repeat(gray / channels, channels, axis=2)


def _outputs(part, before, channels):
    """A kernel or a bias, ``(..., pixels * before)``, likewise; a light tail has four pixels."""
    if before == channels:
        return part
    gray = part.reshape(*part.shape[:-1], -1, before).mean(axis=-1, keepdims=True)
    return np.repeat(gray, channels, axis=-1).reshape(*part.shape[:-1], -1)
