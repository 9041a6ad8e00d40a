import numpy as np
import pytest
from keras import ops

from keras_hyper.methods import ScaledConv2D
from tests.keras_hyper.methods.vectors import convolve, filled, kernel_of


def test_layer_equals_the_equation_in_numpy(rng):
    layer = filled(ScaledConv2D(5, 3), 4, rng)
    kernel, bias, gain, offset = layer.get_weights()
    features = rng.random((6, 7, 4), dtype="float32")
    for c in (0.0, 0.4, 1.3):
        expected = (gain * c + offset) * convolve(features, kernel, bias)
        np.testing.assert_allclose(layer(features[None], level=c)[0], expected, atol=1e-5)


def test_scalar_of_zero_removes_a_new_branch(rng):
    features = rng.random((1, 6, 7, 4), dtype="float32")
    layer = ScaledConv2D(5, 3)
    assert not np.asarray(layer(features, level=0.0)).any()
    assert np.asarray(layer(features, level=0.5)).any()


def scaled(known, name, scaling, condition, features, level):
    """A convolution of theirs with its scaling: all axes but the first are in the offset.

    Their network without a condition has no scaling: it is by 1 at every level.
    """
    channels = len(known[f"weight/{name}.bias"])
    weight, bias = np.zeros((channels, 1)), np.ones(channels)
    if f"weight/{scaling}.weight" in known:
        weight, bias = known[f"weight/{scaling}.weight"], known[f"weight/{scaling}.bias"]
    layer = ScaledConv2D(channels, 3)
    layer.build(features.shape)
    offset = bias + weight[:, 1:] @ condition[1:]
    kernel = kernel_of(known, f"weight/{name}"), known[f"weight/{name}.bias"]
    layer.set_weights([*kernel, weight[:, 0], offset])
    return layer(features, level=level)


def network(known, image, condition):
    """CResMD's network, which has no long skip, of our layers."""
    level = ops.convert_to_tensor(condition[..., 0], "float32")
    condition = condition.reshape(-1, condition.shape[-1])[0]

    def conv(name, x):
        kernel, bias = kernel_of(known, f"weight/{name}"), known[f"weight/{name}.bias"]
        return ops.conv(x, kernel, padding="same", data_format="channels_last") + bias

    kernel = kernel_of(known, "weight/conv_first")
    x = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)))
    x = ops.conv(x, kernel, strides=2, padding="valid", data_format="channels_last")
    x = x + known["weight/conv_first.bias"]
    for index in range(sum(part.endswith("conv1.bias") for part in known)):
        name = f"recon_trunk.{index}"
        y = ops.relu(conv(f"{name}.conv1", x))
        x = x + scaled(known, f"{name}.conv2", f"{name}.local_scale", condition, y, level)
    kernel, bias = kernel_of(known, "weight/upconv"), known["weight/upconv.bias"]
    order = np.arange(len(bias)).reshape(-1, 4).T.reshape(-1)
    x = ops.conv(x, kernel[..., order], padding="same", data_format="channels_last") + bias[order]
    x = ops.relu(ops.depth_to_space(x, 2, data_format="channels_last"))
    x = ops.relu(conv("HRconv", x))
    return image + scaled(known, "conv_last", "global_scale", condition, x, level)


@pytest.mark.parametrize("name", ["cresmd_1d_1blocks", "cresmd_2d_1blocks"])
def test_layers_equal_the_authors_module(shared, name):
    known = np.load(shared / "parity" / "methods" / f"{name}.npz")
    for index, condition in enumerate(known["condition"]):
        restored = network(known, known["image"], condition)
        np.testing.assert_allclose(restored, known[f"restored_{index}"], atol=1e-5)


def test_mixed_batch_equals_the_authors_module(shared):
    known = np.load(shared / "parity" / "methods" / "cresmd_1d_1blocks.npz")
    restored = network(known, known["batch_image"], known["batch_condition"])
    np.testing.assert_allclose(restored, known["batch_restored"], atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.7])
def test_network_without_a_condition_equals_the_authors_module(shared, level):
    known = np.load(shared / "parity" / "methods" / "cresmd_base_2blocks.npz")
    restored = network(known, known["image"], np.float32([level]))
    np.testing.assert_allclose(restored, known["restored"], atol=1e-5)
