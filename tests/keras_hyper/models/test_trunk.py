"""The trunk of one scale and of several, and its graph in TensorFlow."""

import json
import platform
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_hyper import HyperRes, restore
from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.export.session import ServingSession
from keras_hyper.models import MultiLevel
from keras_hyper.models.trunk import pad_to_multiple
from tests.conftest import random_network

VARIANTS = {
    "paper": {"blocks": 2},
    "light": {"blocks": 2, "tail": "light"},
    "two scales": {"blocks": (1, 2), "filters": (4, 8), "tail": "light"},
    "three scales": {"blocks": (2, 1, 1), "filters": (4, 6, 8)},
}


@pytest.fixture(scope="module", params=VARIANTS)
def network(request):
    return random_network(**{"filters": 4, **VARIANTS[request.param]})


@pytest.fixture(scope="module")
def unet():
    return random_network(**VARIANTS["two scales"])


def restored(network, image, level=25.0):
    return ops.convert_to_numpy(network({"image": image, "level": level}))


def test_trunk_of_the_paper_is_one_scale_with_the_paper_tail():
    model = random_network(blocks=1, filters=64)
    assert (model.multiple, model.halo, model.tail_form) == (2, 12, "paper")
    assert not model.downs and not model.ups and model.count_params() == 372_803


@pytest.mark.parametrize("sides", [(1, 1), (1, 6), (7, 13), (16, 24)])
def test_output_has_the_sides_of_the_image(network, rng, sides):
    image = rng.random((2, *sides, 3), dtype="float32")
    assert restored(network, image, np.float32([10, 40])).shape == image.shape


def test_multiple_is_two_for_each_scale(network):
    assert network.multiple == 2 ** len(network.scales)


def test_odd_sides_are_padded_by_reflection_to_the_multiple(network, rng):
    image = rng.random((1, 17, 9, 3), dtype="float32")
    extra = -np.array(image.shape[1:3]) % network.multiple
    padded = np.pad(image, ((0, 0), (0, extra[0]), (0, extra[1]), (0, 0)), "reflect")
    expected = restored(network, padded)[:, :17, :9]
    np.testing.assert_allclose(restored(network, image), expected, atol=1e-5)


def test_layers_have_the_names_that_files_hold(unet):
    assert [layer.name for layer in random_network(blocks=2).layers] == [
        "head", "block01_conv1", "block01_conv2", "block02_conv1", "block02_conv2", "skip",
        "shuffle", "expand", "merge", "tail",
    ]  # fmt: skip
    blocks = [f"block{block:02d}_conv{conv}" for block in (1, 2, 3, 4) for conv in (1, 2)]
    expected = ["head", *blocks, "down1", "up1", "skip", "shuffle", "tail"]
    assert [layer.name for layer in unet.layers] == expected


def test_blocks_have_the_width_of_their_scale_on_the_way_down_and_up():
    model = random_network(**VARIANTS["three scales"])
    assert [conv.filters for conv in model.block_convs] == [4] * 4 + [6] * 2 + [8] * 2 + [6] * 2 + [
        4
    ] * 4
    assert [layer.filters for layer in model.downs] == [6, 8]
    assert [layer.filters for layer in model.ups] == [16, 24]


def test_the_head_sees_one_pixel_of_zeros_on_every_side(rng):
    model = random_network()
    image = rng.random((1, 6, 8, 3), dtype="float32")
    padded = np.pad(image[0], ((1, 1), (1, 1), (0, 0)))
    kernel, bias = model.head.get_weights()
    expected = [
        [np.tensordot(padded[2 * y : 2 * y + 3, 2 * x : 2 * x + 3], kernel, 3) + bias
         for x in range(4)]
        for y in range(3)
    ]  # fmt: skip
    np.testing.assert_allclose(model.encode(image)[0], expected, atol=1e-5)


def test_halo_is_the_largest_distance_that_affects_an_output(network):
    model = network.with_precision("bfloat16").with_precision("float32")  # a copy
    rng = np.random.default_rng(0)
    # Positive weights: no ReLU cuts a path, and no two paths cancel.
    model.set_weights(
        [rng.uniform(0.5, 1, w.shape) / max(np.prod(w.shape[:-1]), 1) for w in model.get_weights()]
    )
    multiple = model.multiple
    height = 4 * model.halo
    first = height // 2 // multiple * multiple
    image = tf.constant(rng.random((1, height, multiple, 3)), tf.float32)
    distances = []
    for row in range(first, first + multiple):
        with tf.GradientTape() as tape:
            tape.watch(image)
            output = tf.reduce_sum(model({"image": image, "level": 25.0})[:, row])
        used = np.flatnonzero(np.abs(tape.gradient(output, image)).sum((0, 2, 3)))
        distances += [row - used[0], used[-1] - row]
    assert model.halo == -(-max(distances) // multiple) * multiple


def test_at_level_equals_the_network_at_that_level(network, rng):
    image = rng.random((2, 9, 14, 3), dtype="float32")
    np.testing.assert_allclose(network.at_level(40)(image), restored(network, image, 40), atol=1e-5)


def test_level_map_of_one_value_equals_the_scalar(network, rng):
    image = rng.random((2, 11, 6, 3), dtype="float32")
    level_map = np.full((2, 11, 6), 25, np.float32)
    np.testing.assert_allclose(
        restored(network, image, level_map), restored(network, image), atol=1e-5
    )


def test_level_map_is_averaged_at_every_scale(unet, rng):
    # In each cell of the coarsest scale only the mean of the levels counts, at the finer scales
    # that of each 2x2 pixels; subsampling would take the first pixel of each cell.
    image = rng.random((1, 8, 8, 3), dtype="float32")
    first, last = np.zeros((2, 1, 8, 8), np.float32)
    first[:, ::2, ::2] = 80.0
    last[:, 1::2, 1::2] = 80.0
    np.testing.assert_allclose(restored(unet, image, first), restored(unet, image, last), atol=1e-5)
    np.testing.assert_allclose(restored(unet, image, first), restored(unet, image, 20.0), atol=1e-5)


def test_sweep_equals_single_levels(network, rng):
    image = rng.random((1, 9, 7, 3), dtype="float32")
    levels = [5.0, 25.0, 110.0]
    alone = [restored(network, image, level)[0] for level in levels]
    np.testing.assert_allclose(network.sweep(image, levels), alone, atol=1e-5)


def test_tiles_equal_the_whole_image(unet, rng):
    image = rng.random((133, 90, 3), dtype="float32")
    whole, tiled = (restore(image, level=25, model=unet, tile=tile) for tile in (256, 16))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_loaded_network_is_bit_identical(network, tmp_path, rng):
    image = rng.random((1, 9, 7, 3), dtype="float32")
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == network.get_config()
    np.testing.assert_array_equal(restored(loaded, image), restored(network, image))


def test_initial_weights_of_blocks_and_tail_are_small():
    model = HyperRes(blocks=(1, 1), filters=(64, 64), tail="paper")
    model.build()
    he = (2 / (9 * 64)) ** 0.5
    for conv in model.block_convs:
        assert np.std(conv.b) == pytest.approx(0.3 * he, rel=0.05)
    assert np.std(model.tail.kernel) == pytest.approx(0.01 * he, rel=0.1)
    assert np.std(model.skip.kernel) == pytest.approx(he, rel=0.05)
    without_residual = HyperRes(blocks=1, image_residual=False)
    without_residual.build()
    assert np.std(without_residual.tail.kernel) == pytest.approx(he, rel=0.1)


def test_training_step_changes_every_weight_of_a_unet(rng):
    model = MultiLevel(random_network(**VARIANTS["two scales"]))
    model.compile("sgd", "mae")
    image = rng.random((2, 3, 8, 12, 3), dtype="float32")
    level = np.tile(np.float32([5, 25, 60]), (2, 1))
    model.build()
    before = model.get_weights()
    model.train_on_batch({"image": image, "level": level}, image)
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_saved_model_of_a_unet_equals_the_network(unet, tmp_path, rng):
    image = rng.random((2, 7, 13, 3), dtype="float32")
    level = np.float32([10, 40])
    version = export_saved_model(unet, tmp_path / "denoise")
    card = json.loads((version / "assets.extra" / "card.json").read_text())
    assert (card["multiple"], card["halo"], card["tail"]) == (4, unet.halo, "light")
    with ServingSession(version) as session:
        output = session.predict("serving_default", {"image": image, "level": level})["restored"]
    np.testing.assert_allclose(output, np.clip(restored(unet, image, level), 0, 1), atol=1e-5)


def test_unet_is_exported_to_onnx(unet, tmp_path):
    pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed")
    from keras_hyper.export.onnx import export_onnx

    # The export itself compares the file with the network, at sides that are no multiple of 4.
    assert export_onnx(unet, tmp_path).is_file()


@pytest.mark.parametrize(
    "options",
    [
        {"blocks": (1, 1)},
        {"blocks": (1, 0), "filters": (4, 8)},
        {"blocks": (), "filters": ()},
        {"tail": "heavy"},
    ],
    ids=str,
)
def test_invalid_arguments_are_refused(options):
    with pytest.raises(ValueError, match="blocks|tail"):
        HyperRes(**options)


def optimised_nodes(session, signature, inputs):
    """Returns the nodes that TensorFlow executes for a signature, by name."""
    definition = session.signatures[signature]
    trace = tf.compat.v1.RunMetadata()
    session.session.run(
        [output.name for output in definition.outputs.values()],
        {definition.inputs[name].name: value for name, value in inputs.items()},
        options=tf.compat.v1.RunOptions(output_partition_graphs=True),
        run_metadata=trace,
    )
    return {node.name: node for graph in trace.partition_graphs for node in graph.node}


def sources(node):
    return [name.lstrip("^").split(":")[0] for name in node.input]


def ancestors(nodes, name):
    found, waiting = set(), [name]
    while waiting:
        for source in sources(nodes[waiting.pop()]):
            if source in nodes and source not in found:
                found.add(source)
                waiting.append(source)
    return found


def shared_additions(folder, signature):
    """Counts convolutions that add in place, and names those whose addend another node reads."""
    rng = np.random.default_rng(0)
    version = export_saved_model(random_network(blocks=3), folder, card={"data": "none"})
    image = rng.random((1 if signature == "sweep" else 3, 8, 10, 3), dtype="float32")
    level = np.float32([10, 20, 30])
    with ServingSession(version) as session:
        nodes = optimised_nodes(session, signature, {"image": image, "level": level})
    adding = [node for node in nodes.values() if b"Add" in node.attr["fused_ops"].list.s]
    shared = []
    for node in adding:
        added = sources(node)[-1]
        readers = {other.name for other in nodes.values() if added in sources(other)}
        if not readers - {node.name} <= ancestors(nodes, node.name):
            shared.append(node.name)
    return len(adding), shared


@pytest.mark.skipif(
    platform.machine() != "x86_64", reason="TensorFlow has oneDNN's fused kernels on x86 alone"
)
@pytest.mark.parametrize("signature", ["serving_default", "sweep"])
def test_concurrent_runs_share_no_in_place_addition(tmp_path, monkeypatch, signature):
    # See `MainNetwork.decode`: a kernel that adds in place must be the last to read its addend.
    # TensorFlow reads this variable once, when it is loaded; without it oneDNN is on if the
    # processor has AVX512_VNNI, AVX512_BF16 or AMX. So the graph is built in a separate process.
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        adding, shared = pool.submit(shared_additions, tmp_path / "denoise", signature).result()
    assert adding, "no fused addition in the graph: the test no longer sees what TensorFlow runs"
    assert not shared


def test_the_additions_of_a_plain_network_have_an_activation(tiny, rng):
    plain = tf.function(tiny.at_level(25.0))
    image = tf.constant(rng.random((1, 8, 8, 3), np.float32))
    operations = plain.get_concrete_function(image).graph.get_operations()
    assert "LeakyRelu" in {operation.type for operation in operations}


@pytest.mark.parametrize("training", [True, False])
def test_additions_have_an_activation_only_outside_training(tiny, rng, training):
    trainer = MultiLevel(tiny)
    image = rng.random((2, 2, 8, 8, 3), np.float32)
    inputs = {"image": image, "level": np.float32([[20, 30]] * 2)}
    restore = tf.function(lambda: trainer(inputs, training=training))
    operations = restore.get_concrete_function().graph.get_operations()
    assert ("LeakyRelu" in {operation.type for operation in operations}) is not training
    np.testing.assert_allclose(restore(), trainer(inputs), atol=1e-6)


@pytest.mark.parametrize("sides", [(1, 1), (1, 2), (2, 3), (3, 2), (4, 4), (5, 7), (13, 1)])
@pytest.mark.parametrize("multiple", [1, 2, 4, 16])
@pytest.mark.parametrize("traced", [False, True])
def test_pads_to_a_multiple_and_crops_back(sides, multiple, traced, rng):
    image = rng.random((2, *sides, 3), dtype="float32")

    def there_and_back(x):
        padded, crop = pad_to_multiple(x, multiple)
        return padded, crop(padded)

    if traced:
        spec = tf.TensorSpec((None, None, None, 3))
        there_and_back = tf.function(there_and_back, input_signature=[spec])
    padded, cropped = there_and_back(image)
    assert all(side % multiple == 0 for side in padded.shape[1:3])
    assert all(0 <= p - s < multiple for p, s in zip(padded.shape[1:3], sides, strict=True))
    np.testing.assert_array_equal(cropped, image)


def test_padding_equals_reflection_of_numpy(rng):
    image = rng.random((1, 5, 6, 1), dtype="float32")
    padded, _ = pad_to_multiple(image, 8)
    expected = np.pad(image, ((0, 0), (0, 3), (0, 2), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(padded, expected)


def test_a_unet_adds_the_features_of_each_scale_on_the_way_up(unet, rng):
    plain, image = unet.at_level(25.0), rng.random((1, 8, 12, 3), dtype="float32")
    named = {layer.name: layer for layer in plain.layers}

    def block(x, number):
        inner = ops.relu(named[f"block{number:02d}_conv1"](x))
        return x + named[f"block{number:02d}_conv2"](inner)

    head = named["head"](np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0))))
    first = block(head, 1)
    coarse = block(block(named["down1"](first), 2), 3)
    up = tf.nn.depth_to_space(named["up1"](coarse), 2)
    tail = named["tail"](head + named["skip"](block(first + up, 4)))
    expected = image + tf.nn.depth_to_space(tail, 2)
    np.testing.assert_allclose(plain(image), expected, atol=1e-5)


def test_the_tail_of_the_paper_has_two_convolutions_at_full_resolution(rng):
    plain, image = random_network(1, image_residual=False).at_level(25.0), rng.random((1, 8, 6, 1))
    named = {layer.name: layer for layer in plain.layers}
    head = plain.encode(image.astype("float32"))
    inner = named["block01_conv2"](ops.relu(named["block01_conv1"](head)))
    x = tf.nn.depth_to_space(named["expand"](head + named["skip"](head + inner)), 2)
    expected = named["tail"](ops.relu(named["merge"](ops.relu(x))))
    np.testing.assert_allclose(plain(image.astype("float32")), expected, atol=1e-5)
