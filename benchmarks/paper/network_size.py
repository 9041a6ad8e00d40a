"""Counts parameters and multiply-adds of a network."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_hyper.models import HyperRes

# Any even side: counts are per pixel.
_SIDE = 64


@dataclass(frozen=True)
class NetworkSize:
    """Counts of a network.

    Args:
        stored: Parameters in the file.
        generated: Parameters generated for each level, by one multiply-add each.
        one_level: Parameters of the plain network of one level.
        multiply_adds: Multiply-adds of all convolutions, per pixel of an even-sized picture.
        generated_multiply_adds: Those of convolutions with generated kernels.
    """

    stored: int
    generated: int
    one_level: int
    multiply_adds: float
    generated_multiply_adds: float


def network_size(model: HyperRes) -> NetworkSize:
    """Counts parameters from a network's variables and multiply-adds from its traced graph.

    Args:
        model: A `HyperRes`, on TensorFlow.

    Returns:
        The counts.
    """
    plain = model.at_level(model.level_range[0])
    convolutions = _convolutions(model)
    # Two parameters are stored per generated one, slope and offset.
    generated = model.count_params() - plain.count_params()
    return NetworkSize(
        stored=model.count_params(),
        generated=generated,
        one_level=plain.count_params(),
        multiply_adds=sum(count for count, _ in convolutions),
        generated_multiply_adds=sum(count for count, is_generated in convolutions if is_generated),
    )


def multiply_adds(model: HyperRes) -> float:
    """Returns the multiply-adds of all convolutions, per pixel of an even-sized picture."""
    return sum(count for count, _ in _convolutions(model))


def _convolutions(model):
    """Returns multiply-adds per pixel of each convolution, and whether its kernel is generated."""
    image = tf.TensorSpec((1, _SIDE, _SIDE, model.channels), tf.float32)
    run = tf.function(lambda image, level: model({"image": image, "level": level}))
    graph = run.get_concrete_function(image, tf.TensorSpec((), tf.float32)).graph
    counts = []
    for operation in graph.get_operations():
        if operation.type == "Conv2D":
            kernel, outputs = operation.inputs[1], operation.outputs[0]
            count = np.prod(outputs.shape[1:3]) * np.prod(kernel.shape) / _SIDE**2
            counts.append((float(count), _source(kernel.op) != "ReadVariableOp"))
    return counts


def _source(operation):
    """Returns the type of the operation that computes a kernel, skipping casts."""
    while operation.type in ("Cast", "Identity"):
        operation = operation.inputs[0].op
    return operation.type
