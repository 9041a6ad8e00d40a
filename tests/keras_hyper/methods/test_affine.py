import numpy as np
from keras import ops

from keras_hyper.layers import HyperConv2D
from keras_hyper.methods import MethodRes
from keras_hyper.methods.affine import edge_channel
from tests.keras_hyper.methods.vectors import fill_trunk, random_network


def test_dni_interpolates_every_weight_of_two_networks(rng):
    network = random_network("dni", rng)
    ends = [network.at_level(level).get_weights() for level in (40.0, 75.0)]
    between = network.at_level(54.0).get_weights()
    assert len(between) == len(network.layers) * 2 - 2  # the shuffle has none
    for first, second, mixed in zip(*ends, between, strict=True):
        np.testing.assert_allclose(mixed, 0.6 * first + 0.4 * second, atol=1e-6)


def test_dni_equals_the_authors_equation(shared):
    known = np.load(shared / "parity" / "methods" / "dni.npz")
    network = MethodRes(
        method="dni", channels=3, blocks=2, filters=16, image_residual=False,
        level_table=[[0, 0], [1, 1]],
    )  # fmt: skip
    network.build()
    # Their coefficient of 1 is A: the end that `b` is not.
    parts = {}
    for end in ("weight_B/", "weight_A/"):

        def remember(layer, kernel, bias, _, end=end):
            parts.setdefault(layer.name, (layer, {}))[1][end] = kernel, bias

        fill_trunk(network, known, remember, end)
    for layer, found in parts.values():
        (kernel_a, bias_a), (kernel_b, bias_b) = found["weight_A/"], found["weight_B/"]
        layer.w.assign(kernel_a - kernel_b)
        layer.b.assign(kernel_b)
        layer.bias_w.assign(bias_a - bias_b)
        layer.bias_b.assign(bias_b)
    for index, c in enumerate(known["alpha"].tolist()):
        restored = network({"image": known["image"], "level": c})
        np.testing.assert_allclose(restored, known[f"restored_{index}"], atol=1e-5)


def test_edge_channel_is_the_mean_difference_to_four_neighbours():
    image = np.zeros((1, 3, 4, 2), np.float32)
    image[0, 1, 0, 0] = 8.0
    expected = np.zeros((3, 4))
    expected[[0, 2, 1], [0, 0, 1]] = 8 / 4 / 2
    expected[1, 0] = 3 * 8 / 4 / 2  # the neighbour outside is the pixel itself
    np.testing.assert_allclose(edge_channel(image)[0, ..., 0], expected)


def generated(known, index, features, level, **kwargs):
    """A convolution of Decouple Learning; `known` has its slope and offset."""
    slope, offset = known[f"weight/fc{index}.weight"][:, 0], known[f"weight/fc{index}.bias"]
    if index == 18:
        kernel = (level * slope + offset).reshape(64, 64, 4, 4).transpose(2, 3, 1, 0)
        return ops.conv_transpose(features, kernel, 2, "same", data_format="channels_last")
    filters = 3 if index == 20 else 64
    layer = HyperConv2D(filters, 3, use_bias=False, padding="valid", **kwargs)
    pad = kwargs.get("dilation_rate", 1)
    features = ops.pad(features, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    layer.build(features.shape)
    for weight, values in ((layer.w, slope), (layer.b, offset)):
        weight.assign(values.reshape(filters, features.shape[-1], 3, 3).transpose(2, 3, 1, 0))
    return layer(features, level=level)


def normed(known, index, x):
    """Its instance norm."""
    mean, variance = ops.moments(x, axes=(1, 2), keepdims=True)
    gain, shift = (known[f"weight/norm_{index}.{part}"] for part in ("weight", "bias"))
    return (x - mean) / ops.sqrt(variance + 1e-5) * gain + shift


def test_layers_equal_decouple_learning(shared):
    """Its whole network: 20 generated convolutions, with instance norms between them."""
    known = np.load(shared / "parity" / "methods" / "decouple_learning.npz")
    np.testing.assert_allclose(edge_channel(known["image_minus_128"]), known["edge"], atol=1e-5)
    for index, level in enumerate(known["parameter"].tolist()):

        def conv(number, x, level=level, **kwargs):
            return normed(known, number, generated(known, number, x, level, **kwargs))

        x, norms = known["input"], {}
        for number in (1, 2, 3):
            norms[number] = conv(number, x, strides=2 if number == 3 else 1)
            x = ops.relu(norms[number])
        for number, rate in zip(range(4, 18, 2), (2, 4, 4, 8, 8, 16, 1), strict=True):
            y = ops.relu(conv(number, x, dilation_rate=rate))
            norms[number + 1] = conv(number + 1, y, dilation_rate=rate)
            x = ops.relu(x + norms[number + 1])
        x = ops.relu(conv(19, ops.relu(conv(18, x))))
        for number in (1, 3, 5):
            expected = known[f"norm_{number}_{index}"]
            np.testing.assert_allclose(norms[number], expected, atol=1e-5 * np.abs(expected).max())
        output, expected = ops.relu(generated(known, 20, x, level)), known[f"output_{index}"]
        np.testing.assert_allclose(output, expected, atol=1e-5 * np.abs(expected).max())
