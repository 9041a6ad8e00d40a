"""Networks and layers with the weights of the answers in `shared/parity/methods`, and numpy."""

import numpy as np

from keras_hyper.methods import MethodRes


def convolve(x, kernel, bias=0.0, stride=1):
    """A convolution ``(height, width, in)`` by ``(rows, columns, in, out)`` with zero padding."""
    pad = kernel.shape[0] // 2
    padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], axis=(0, 1))
    return np.einsum("yxirc,rcio->yxo", windows[::stride, ::stride], kernel) + bias


def depthwise(x, kernel):
    """Likewise with a kernel ``(rows, columns, channels, 1)`` that keeps channels apart."""
    return np.concatenate(
        [convolve(x[..., i : i + 1], kernel[:, :, i : i + 1]) for i in range(x.shape[-1])], axis=-1
    )


def filled(layer, channels, rng):
    """A built layer with random weights, which are its attributes."""
    layer.build((None, None, None, channels))
    layer.set_weights([rng.normal(0, 0.5, part.shape) for part in layer.get_weights()])
    return layer


def random_network(method, rng, blocks=1, filters=4, **kwargs):
    """A small network of a method with random weights."""
    facts = {"level_range": (5, 75), "level_offset": 40, "level_scale": 35, "channels": 1}
    network = MethodRes(method=method, blocks=blocks, filters=filters, **{**facts, **kwargs})
    network.build()
    network.set_weights([rng.normal(0, 0.2, part.shape) for part in network.get_weights()])
    return network


def kernel_of(known, name):
    """A kernel of theirs ``(out, in, row, column)`` as Keras has it."""
    return known[f"{name}.weight"].transpose(2, 3, 1, 0)


def fill_trunk(network, known, fill, prefix="weight/"):
    """Gives a network of the paper's trunk the weights of AdaFM's or DNI's.

    Args:
        network: A `MethodRes` with the paper's tail.
        known: The arrays of a file.
        fill: ``(layer, kernel, bias, name of the convolution)`` for the method's layers.
        prefix: Of the names.
    """
    blocks = len(network.block_convs) // 2
    names = {"head": "model.0", "skip": f"model.1.sub.{blocks}", "expand": "model.2"}
    names |= {"merge": "model.5", "tail": "model.7"}
    for layer in network.layers:
        if layer.name.startswith("block"):
            number, place = layer.name.removeprefix("block").split("_")
            end = {"conv1": "res.0", "conv2": "res.3"}[place]
            names[layer.name] = f"model.1.sub.{int(number) - 1}.{end}"
        if layer.name not in names:
            continue
        name = prefix + names[layer.name]
        kernel, bias = kernel_of(known, name), known[f"{name}.bias"]
        if layer.name == "expand":
            # Their pixel shuffle has the output channel outermost.
            order = np.arange(len(bias)).reshape(-1, 4).T.reshape(-1)
            kernel, bias = kernel[..., order], bias[order]
        fill(layer, kernel, bias, name)
