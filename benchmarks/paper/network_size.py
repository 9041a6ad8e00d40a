"""Parameters and multiply-adds, counted from a network itself."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_hyper.models import HyperRes

# Any even side does: the count is of each pixel, and a whole picture has borders like this one.
_SIDE = 64


@dataclass(frozen=True)
class NetworkSize:
    """What a network holds and does.

    Args:
        stored: Parameters in the file.
        generated: Parameters that are made anew for each level, by one multiply-add each.
        one_level: Parameters of the plain network of one level.
        multiply_adds: A pixel of an even-sized picture, in convolutions.
        generated_multiply_adds: The part of them that is in convolutions with generated kernels.
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
    # Of a generated parameter two are stored, slope and offset.
    generated = model.count_params() - plain.count_params()
    return NetworkSize(
        stored=model.count_params(),
        generated=generated,
        one_level=plain.count_params(),
        multiply_adds=sum(count for count, _ in convolutions),
        generated_multiply_adds=sum(count for count, made in convolutions if made),
    )


def _convolutions(model):
    """Multiply-adds a pixel of each convolution, and whether its kernel is generated."""
    image = tf.TensorSpec((1, _SIDE, _SIDE, model.channels), tf.float32)
    run = tf.function(lambda image, level: model({"image": image, "level": level}))
    graph = run.get_concrete_function(image, tf.TensorSpec((), tf.float32)).graph
    found = []
    for operation in graph.get_operations():
        if operation.type == "Conv2D":
            kernel, outputs = operation.inputs[1], operation.outputs[0]
            count = np.prod(outputs.shape[1:3]) * np.prod(kernel.shape) / _SIDE**2
            found.append((float(count), _source(kernel.op) != "ReadVariableOp"))
    return found


def _source(operation):
    """The kind of operation that makes a kernel, before it is cast to the compute type."""
    while operation.type in ("Cast", "Identity"):
        operation = operation.inputs[0].op
    return operation.type
