import numpy as np
import pytest

from keras_hyper.methods import MethodRes, ModulatedConv2D
from tests.keras_hyper.methods.vectors import convolve, depthwise, fill_trunk, filled

FILES = {"adafm_k1_3ch_2blocks": (3, 2, 16, 1), "adafm_k5_1ch_1blocks": (1, 1, 12, 5)}


@pytest.mark.parametrize("side", [1, 3])
def test_layer_equals_the_equation_in_numpy(side, rng):
    layer = filled(ModulatedConv2D(5, 3, modulation=side), 4, rng)
    kernel, bias, gain, shift = layer.get_weights()
    features = rng.random((6, 7, 4), dtype="float32")
    y = convolve(features, kernel, bias)
    for c in (0.0, 0.4, 1.3):
        expected = y + c * (depthwise(y, gain) + shift)
        np.testing.assert_allclose(layer(features[None], level=c)[0], expected, atol=2e-5)


def test_level_map_modulates_every_pixel(rng):
    layer = filled(ModulatedConv2D(2, 3, modulation=3), 2, rng)
    features = rng.random((1, 4, 5, 2), dtype="float32")
    levels = rng.random((1, 4, 5), dtype="float32")
    low, high = (np.asarray(layer(features, level=c)) for c in (0.0, 1.0))
    expected = low + levels[..., None] * (high - low)
    np.testing.assert_allclose(layer(features, level=levels), expected, atol=1e-5)


def test_wider_modulation_has_no_single_kernel(rng):
    with pytest.raises(ValueError, match="expected a modulation of 1x1, got 3"):
        filled(ModulatedConv2D(2, 3, modulation=3), 2, rng).kernel_at(0.5)


@pytest.mark.parametrize("name", FILES)
def test_network_equals_the_authors_module(shared, name):
    known = np.load(shared / "parity" / "methods" / f"{name}.npz")
    channels, blocks, filters, side = FILES[name]
    network = MethodRes(
        method="adafm", channels=channels, blocks=blocks, filters=filters, image_residual=False,
        options={"modulation": side}, level_table=[[0, 0], [1, 1]],
    )  # fmt: skip
    network.build()

    def fill(layer, kernel, bias, conv):
        if not isinstance(layer, ModulatedConv2D):
            return layer.set_weights([kernel, bias])
        start, _, end = conv.rpartition(".")
        tuned = f"{start}.{int(end) + 1}.transformer"
        gain = known[f"{tuned}.weight"].transpose(2, 3, 0, 1)
        return layer.set_weights([kernel, bias, gain, known[f"{tuned}.bias"]])

    fill_trunk(network, known, fill)
    for index, c in enumerate(known["coefficient"].tolist()):
        restored = network({"image": known["image"], "level": c})
        np.testing.assert_allclose(restored, known[f"restored_{index}"], atol=1e-5)
