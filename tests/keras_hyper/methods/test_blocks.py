import numpy as np
import pytest
from keras import ops

from keras_hyper.methods import CoupledBlock, ExtendedBlock, merge
from tests.keras_hyper.methods.vectors import convolve, filled, kernel_of, random_network


def residual(x, weights):
    k1, b1, k2, b2 = weights
    return x + convolve(np.maximum(convolve(x, k1, b1), 0), k2, b2)


def reflected(x, kernel, bias):
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)), mode="reflect")
    return convolve(padded, kernel, bias)[1:-1, 1:-1]


def test_coupled_block_equals_the_equation_in_numpy(rng):
    block = filled(CoupledBlock(4), 4, rng)
    *main, t1, t2, mix = block.get_weights()
    x = rng.random((6, 7, 4), dtype="float32")
    tuned = convolve(np.maximum(convolve(x, t1), 0), t2)
    for c in (0.0, 0.4, 1.3):
        expected = (1 - c * mix) * residual(x, main) + c * mix * tuned
        np.testing.assert_allclose(block(x[None], level=c)[0], expected, atol=1e-4)


def test_extended_block_equals_the_equation_in_numpy(rng):
    block = filled(ExtendedBlock(4), 4, rng)
    *main, p1, q1, p2, q2, p3, q3 = block.get_weights()
    x = rng.random((6, 7, 4), dtype="float32")
    f = residual(x, main)
    y = np.maximum(reflected(np.maximum(reflected(f, p1, q1), 0), p2, q2), 0)
    for c in (0.0, 0.4, 1.3):
        expected = f + c * reflected(y, p3, q3)
        np.testing.assert_allclose(block(x[None], level=c)[0], expected, atol=2e-4)


@pytest.mark.parametrize("method", ["cfsnet", "dynamic_net"])
def test_every_image_of_a_batch_has_its_level(method, rng):
    network = random_network(method, rng, blocks=2)
    image = rng.random((2, 7, 6, 1), dtype="float32")
    both = np.asarray(network({"image": image, "level": np.float32([10, 60])}))
    for index, level in enumerate((10.0, 60.0)):
        one = network({"image": image[index : index + 1], "level": level})
        np.testing.assert_allclose(both[index : index + 1], one, atol=1e-4)


def test_network_of_one_level_needs_plain_blocks(rng):
    network = random_network("cfsnet", rng)
    with pytest.raises(ValueError, match="expected blocks of convolutions, got a CoupledBlock"):
        network.at_level(20.0)
    image = rng.random((1, 7, 6, 1), dtype="float32")
    expected = network({"image": image, "level": 20.0})
    np.testing.assert_allclose(merge(network).at_level(20.0)(image), expected, atol=1e-4)


def test_dynamic_net_has_three_places():
    network = random_network("dynamic_net", np.random.default_rng(0), blocks=6)
    extended = [index for index, layer in enumerate(network.block_layers, 1) if layer is not None]
    assert extended == [2, 4, 6] and len(network.block_convs) == 6
    assert network.halo - random_network("plain", np.random.default_rng(0), blocks=6).halo == 18


def conv(x, kernel, bias=0.0):
    return ops.conv(x, kernel, padding="same", data_format="channels_last") + bias


@pytest.mark.parametrize(
    ("name", "blocks"), [("cfsnet_denoise_2blocks", 2), ("cfsnet_deblock_1blocks", 1)]
)
def test_blocks_equal_cfsnet(shared, name, blocks):
    known = np.load(shared / "parity" / "methods" / f"{name}.npz")
    head = kernel_of(known, "weight/main.head"), kernel_of(known, "weight/main.end")
    layers = coupled_blocks(known, blocks)
    for index, c in enumerate(known["coefficient"].tolist()):
        x = first = conv(known["image"], head[0])
        for block in layers:
            x = block(x, level=c)
        output = conv(x + first, head[1])
        np.testing.assert_allclose(output, known[f"output_{index}"], atol=1e-5)


def coupled_blocks(known, blocks):
    layers = []
    for index in range(blocks):
        main = f"weight/main.body.{index}.body"
        parts = [kernel_of(known, f"{main}.0"), known[f"{main}.0.bias"]]
        parts += [kernel_of(known, f"{main}.2"), known[f"{main}.2.bias"]]
        tuned = f"weight/tuning_blocks.tuning_blocks.{index}"
        parts += [kernel_of(known, f"{tuned}.conv{place}") for place in (0, 1)]
        block = CoupledBlock(len(parts[1]))
        block.build((None, None, None, len(parts[1])))
        block.set_weights([*parts, known[f"mix_at_one_{index}"]])
        layers.append(block)
    return layers


def test_block_before_an_upsampler_equals_cfsnet(shared):
    known = np.load(shared / "parity" / "methods" / "cfsnet_sr_1blocks.npz")
    (block,), mix = coupled_blocks(known, 1), known["mix_at_one_1"]

    def enlarged(x, first, second):
        kernel = kernel_of(known, second)
        # Their pixel shuffle has the output channel outermost.
        order = np.arange(kernel.shape[-1]).reshape(-1, 4).T.reshape(-1)
        x = conv(conv(x, kernel_of(known, first)), kernel[..., order])
        return ops.depth_to_space(x, 2, data_format="channels_last")

    tuning = "weight/tuning_blocks.tuning_blocks.1"
    for index, c in enumerate(known["coefficient"].tolist()):
        first = conv(known["image"], kernel_of(known, "weight/main.head"))
        x = block(first, level=c) + first
        main = enlarged(x, "weight/main.tail.0", "weight/main.tail.1.0")
        x = (1 - c * mix) * main + c * mix * enlarged(x, f"{tuning}.0", f"{tuning}.1.0")
        output = conv(x, kernel_of(known, "weight/main.end"))
        np.testing.assert_allclose(output, known[f"output_{index}"], atol=1e-5)


def test_block_equals_dynamic_net(shared):
    known = np.load(shared / "parity" / "methods" / "dynamic_net_tuning_block.npz")
    features = known["features"]
    block = ExtendedBlock(features.shape[-1])
    block.build(features.shape)
    for index in (1, 2, 3):
        name = f"weight/conv{index - 1}"
        getattr(block, f"psi_kernel{index}").assign(kernel_of(known, name))
        getattr(block, f"psi_bias{index}").assign(known[f"{name}.bias"])
    np.testing.assert_allclose(block.psi(features), known["tuned"], atol=1e-5)
    block.kernel2.assign(0 * block.kernel2)  # the block itself adds nothing
    for index, c in enumerate(known["coefficient"].tolist()):
        np.testing.assert_allclose(block(features, level=c), known[f"output_{index}"], atol=1e-5)
