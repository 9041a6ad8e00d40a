import keras
import numpy as np
import pytest

from keras_hyper import HyperRes
from keras_hyper.export.session import ServingSession
from keras_hyper.models import MultiLevel
from tests.conftest import assert_close, assert_equal, needs_bfloat16, numpy, random_network

BACKEND = keras.backend.backend()
exports = pytest.mark.skipif(BACKEND == "torch", reason="PyTorch writes no SavedModel")


@pytest.fixture
def image(rng):
    return rng.random((3, 17, 22, 3), dtype="float32")


@pytest.mark.parametrize(
    ("preset", "colour", "gray"),
    [
        ("tiny", 372_803, 370_497),
        ("small", 815_939, None),
        ("paper", 2_588_483, 2_586_177),
    ],
)
def test_presets_have_the_number_of_parameters_of_the_paper(preset, colour, gray):
    assert HyperRes.from_preset(preset).count_params() == colour
    if gray:
        assert HyperRes.from_preset(preset, channels=1).count_params() == gray


def test_unknown_preset_is_refused_with_the_known_names():
    with pytest.raises(ValueError, match="No preset 'huge'.*tiny, small, paper"):
        HyperRes.from_preset("huge")


@pytest.mark.parametrize("sides", [(1, 1), (1, 6), (2, 1), (5, 5), (8, 8), (7, 12)])
def test_output_has_the_size_of_the_input(tiny, sides):
    assert tiny({"image": np.ones((1, *sides, 3), "float32"), "level": 25}).shape == (1, *sides, 3)


def test_odd_sides_are_padded_by_reflection(tiny, image):
    extended = np.concatenate([image, image[:, -2:-1]], axis=1)
    expected = numpy(tiny({"image": extended, "level": 25}))[:, :17]
    assert_close(tiny({"image": image, "level": 25}), expected, atol=1e-5)


def test_level_per_image_equals_single_images(tiny, image):
    levels = np.float32([10, 40, 70])
    together = tiny({"image": image, "level": levels})
    for number, level in enumerate(levels):
        alone = tiny({"image": image[number : number + 1], "level": level})
        assert_close(together[number], alone[0], atol=1e-5)


def test_mixed_batch_is_restored_equally_in_training_mode(tiny, image):
    inputs = {"image": image, "level": np.float32([10, 40, 70])}
    assert_close(tiny(inputs, training=True), tiny(inputs), atol=1e-5)


def test_equal_levels_equal_the_scalar(tiny, image):
    scalar = tiny({"image": image, "level": 25})
    vector = tiny({"image": image, "level": np.full(3, 25, np.float32)})
    assert_close(vector, scalar, atol=1e-6)


def test_map_of_one_level_equals_the_scalar(tiny, image):
    everywhere = np.full((3, 17, 22), 25, np.float32)
    scalar = tiny({"image": image, "level": 25})
    assert_close(tiny({"image": image, "level": everywhere}), scalar, atol=1e-5)


def test_level_is_scaled_once(image):
    ours = random_network(level_scale=75, level_offset=5)
    theirs = random_network(level_scale=1, level_offset=0)
    expected = theirs({"image": image, "level": (40 - 5) / 75})
    assert_close(ours({"image": image, "level": 40}), expected, atol=1e-6)


@needs_bfloat16
def test_other_precision_keeps_the_weights_and_is_close(tiny, image):
    assert tiny.with_precision("float32") is tiny
    half = tiny.with_precision("bfloat16")
    for ours, theirs in zip(tiny.get_weights(), half.get_weights(), strict=True):
        assert_equal(ours, theirs)
    expected = numpy(tiny({"image": image, "level": 25}))
    actual = numpy(half({"image": image, "level": 25}))
    assert actual.dtype == np.float32
    assert 0 < np.abs(actual - expected).mean() < 0.01


def test_untrained_network_with_residual_changes_little(image):
    model = HyperRes.from_preset("tiny")
    change = numpy(model({"image": image, "level": 25})) - image
    assert np.abs(change).mean() < 0.05


def test_pixels_beyond_the_halo_have_no_effect():
    model = random_network(blocks=2)
    rng = np.random.default_rng(3)
    image = rng.random((1, 96, 8, 3), dtype="float32")
    other = image.copy()
    other[:, : 96 - model.halo - 2] = 0
    whole, cut = (numpy(model({"image": x, "level": 25})) for x in (image, other))
    assert_close(cut[:, -2:], whole[:, -2:], atol=1e-6)
    other[:, : 96 - model.halo + 8] = 0
    assert np.abs(numpy(model({"image": other, "level": 25}))[:, -2:] - whole[:, -2:]).max() > 0


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"image": np.ones((5, 5, 3)), "level": 3}, r"batch, height, width, 3.*\(5, 5, 3\)"),
        ({"image": np.ones((1, 5, 5, 1)), "level": 3}, r"\(1, 5, 5, 1\)"),
        (
            {"image": np.ones((1, 5, 5, 3)), "level": np.ones((1, 5))},
            r"`level` of shape.*got \(1, 5\)",
        ),
    ],
)
def test_invalid_inputs_are_refused_with_their_value(tiny, inputs, words):
    with pytest.raises(ValueError, match=words):
        tiny(inputs)


@pytest.mark.parametrize("options", [{"channels": 4}, {"blocks": 0}, {"level_scale": 0}], ids=str)
def test_invalid_arguments_are_refused_with_their_value(options):
    with pytest.raises(ValueError, match=", got "):
        HyperRes(**options)


def test_loaded_network_can_be_trained(tiny, tmp_path, image):
    tiny.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    loaded.compile("adam", "mae")
    inputs = {"image": image, "level": np.float32([10, 40, 70])}
    losses = [loaded.train_on_batch(inputs, image) for _ in range(4)]
    assert float(losses[-1]) < float(losses[0])


def test_sweep_of_a_generated_head_computes_it_at_every_level(rng):
    network = random_network(places=("head", "conv1"))
    image = rng.random((1, 6, 8, 3), dtype="float32")
    levels = [5.0, 25.0, 75.0]
    alone = [numpy(network({"image": image, "level": level}))[0] for level in levels]
    assert_close(network.sweep(image, levels), alone, atol=1e-5)
    assert np.abs(np.subtract(alone[0], alone[2])).max() > 1e-2


@pytest.mark.parametrize("sides", [(6, 8), (5, 9), (1, 1)])
def test_sweep_equals_single_levels(tiny, rng, sides):
    image = rng.random((1, *sides, 3), dtype="float32")
    levels = [5.0, 25.0, 110.0]
    alone = [tiny({"image": image, "level": level})[0] for level in levels]
    assert_close(tiny.sweep(image, levels), alone, atol=1e-6)


def test_generated_kernels_equal_those_of_the_network_at_that_level(tiny):
    plain = tiny.at_level(25.0)
    for (kernel, bias), conv in zip(tiny.generated(25.0), plain.block_convs, strict=True):
        for ours, theirs in zip((kernel, bias), conv.get_weights(), strict=True):
            assert_close(ours, theirs, atol=1e-6)


def test_defaults():
    config = HyperRes().get_config()
    expected = {
        "channels": 3, "blocks": 16, "filters": 64, "image_residual": True, "tail": "paper",
        "task": "", "unit": "", "levels": [], "level_range": [0.0, 255.0], "level_offset": 0.0,
        "level_scale": 255.0,
    }  # fmt: skip
    assert {name: config[name] for name in expected} == expected and "autocast" not in config


def test_predict_takes_a_number_or_a_list_of_levels(tiny, rng):
    images = rng.random((3, 9, 11, 3), np.float32)
    expected = numpy(tiny({"image": images, "level": 25.0}))
    for level in (25, 25.0, [25.0, 25.0, 25.0], np.full((3, 1), 25.0)):
        restored = tiny.predict({"image": images, "level": level}, verbose=0)
        assert_close(restored, expected, atol=1e-5)
    mixed = tiny.predict({"image": images, "level": [5.0, 25.0, 60.0]}, batch_size=2, verbose=0)
    each = tiny({"image": images, "level": [5.0, 25.0, 60.0]})
    assert_close(mixed, numpy(each), atol=1e-5)


def test_predict_takes_maps_after_numbers_and_lists_of_pixels(tiny, rng):
    images = rng.random((2, 9, 11, 3), np.float32)
    for level in (25.0, rng.uniform(5, 60, (2, 9, 11)), [5.0, 60.0], np.full((2, 9, 11, 1), 40.0)):
        expected = numpy(tiny({"image": images, "level": np.float32(level)}))
        for given in (images, images.tolist()):
            restored = tiny.predict({"image": given, "level": level}, verbose=0)
            assert_close(restored, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("level", "words"),
    [
        ([5.0, 25.0, 60.0], "expected a level for each of 2 images, got 3"),
        ("auto", "expected `level` as numbers, got 'auto'"),
        (None, "expected `level` as numbers, got None"),
    ],
)
def test_predict_refuses_levels_of_other_images(tiny, rng, level, words):
    images = rng.random((2, 9, 11, 3), np.float32)
    with pytest.raises(ValueError, match=words):
        tiny.predict({"image": images, "level": level}, verbose=0)


@exports
def test_a_new_network_is_exported(tmp_path):
    HyperRes(filters=4).export(tmp_path / "1", verbose=False)
    assert (tmp_path / "1" / "saved_model.pb").is_file()


def test_infer_equals_the_call(tiny, rng):
    images = rng.random((2, 9, 11, 3), np.float32)
    for level in ([25.0, 25.0], [5.0, 60.0]):
        inputs = {"image": images, "level": np.float32(level)}
        assert_close(numpy(tiny.infer(inputs)), numpy(tiny(inputs)), atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "got"),
    [
        ({"image": 0.0}, "\\['image'\\]"),
        ({"image": 0.0, "level": 1.0, "mask": 0.0}, "\\['image', 'level', 'mask'\\]"),
        (np.zeros((1, 4, 4, 3)), "ndarray"),
    ],
)
def test_other_keys_are_refused(tiny, inputs, got):
    with pytest.raises(ValueError, match=f"expected a dict of `image` and `level`, got {got}"):
        tiny(inputs)


def test_bytes_are_refused(tiny):
    image = np.zeros((1, 4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="expected a float image in .*, got uint8: divide it by"):
        tiny({"image": image, "level": 25.0})


def test_an_empty_batch_has_an_empty_answer(tiny):
    image = np.zeros((0, 8, 6, 3), np.float32)
    assert tiny({"image": image, "level": np.zeros(0, np.float32)}).shape == (0, 8, 6, 3)
    assert tiny({"image": image, "level": 25.0}).shape == (0, 8, 6, 3)


def gradient(function, x):
    """The gradient of a scalar with respect to an array, under each backend."""
    if BACKEND == "jax":
        return pytest.importorskip("jax").grad(function)(x)
    x = keras.ops.convert_to_tensor(x)
    if BACKEND == "torch":
        x.requires_grad_(True)
        function(x).backward()
        return x.grad
    tf = pytest.importorskip("tensorflow")
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = function(x)
    return tape.gradient(loss, x)


def test_gradient_of_equal_levels_is_that_of_each_image(tiny, rng):
    images = rng.random((3, 8, 8, 3), np.float32) * np.float32([0.1, 0.5, 1.0])[:, None, None, None]

    def of(images):
        def loss(level):
            return keras.ops.sum(keras.ops.square(tiny({"image": images, "level": level})))

        return numpy(gradient(loss, np.full(len(images), 25.0, np.float32)))

    alone = np.concatenate([of(images[i : i + 1]) for i in range(3)])
    assert_close(of(images), alone, rtol=1e-3)
    assert np.ptp(alone) > 0.1 * np.abs(alone).max()


@exports
def test_export_needs_no_signature(tiny, tmp_path, rng):
    image = rng.random((2, 7, 9, 3), dtype="float32")
    level = np.float32([10, 60])
    tiny.export(tmp_path / "adaptive", verbose=False)
    tiny.at_level(60).export(tmp_path / "plain", verbose=False)
    for name, level_input in (("adaptive", {"level": level}), ("plain", {})):
        with ServingSession(tmp_path / name) as session:
            inputs = {"image": image, **level_input}
            (restored,) = session.predict("serving_default", inputs).values()
        expected = tiny({"image": image[1:], "level": 60.0})
        assert_close(restored[1:], expected, atol=1e-5)


@pytest.mark.skipif(BACKEND == "tensorflow", reason="TensorFlow exports to all formats")
def test_formats_that_a_backend_does_not_write_are_refused(tiny, tmp_path):
    for model in (tiny, tiny.at_level(25)):
        for name in ("onnx", *(["tf_saved_model"] if BACKEND == "torch" else [])):
            with pytest.raises(ValueError, match=f"tensorflow for format='{name}', got {BACKEND}"):
                model.export(tmp_path / "exported", format=name)
    assert not list(tmp_path.iterdir())


def test_fit_lowers_the_loss_and_the_saved_network_answers_alike(tiny, tmp_path, image):
    inputs = {"image": image, "level": np.float32([10, 40, 70])}
    tiny.compile("adam", "mae")
    losses = tiny.fit(inputs, image, batch_size=3, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    tiny.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = tiny.predict(inputs, verbose=0)
    assert_close(loaded.predict(inputs, verbose=0), expected, atol=1e-6)
    assert_close(loaded.at_level(40)(image)[1], expected[1], atol=1e-5)


@pytest.fixture
def both():
    """A small network of two axes with random weights."""
    return random_network(axes=("noise", "jpeg"), level_range=((0, 50), (10, 100)),
                          level_offset=(25, 55), level_scale=(25, 45))  # fmt: skip


def test_one_vector_of_axes_equals_its_plain_network_and_its_file(both, image, tmp_path):
    level = (15.0, 40.0)
    expected = numpy(both({"image": image, "level": level}))
    plain = both.at_level(level)
    assert_close(plain(image), expected, atol=1e-5)
    assert plain.get_config()["level"] == [15.0, 40.0]
    both.save(tmp_path / "both.keras")
    loaded = keras.saving.load_model(tmp_path / "both.keras")
    assert_equal(loaded({"image": image, "level": level}), expected)
    assert (loaded.axes, loaded.level_range) == (["noise", "jpeg"], [[0, 50], [10, 100]])
    assert "axes" not in random_network().get_config()


def test_rows_of_axes_are_levels_of_images(both, rng):
    images = rng.random((2, 10, 12, 3), dtype="float32")
    levels = np.float32([[15, 40], [30, 90]])
    found = numpy(both({"image": images, "level": levels}))
    for index, level in enumerate(levels):
        one = numpy(both({"image": images[index : index + 1], "level": level}))
        assert_close(found[index : index + 1], one, atol=1e-5)
    for level in (levels, levels[0], [15, 40]):
        expected = numpy(both({"image": images, "level": np.float32(level)}))
        predicted = both.predict({"image": images, "level": level}, verbose=0)
        assert_close(predicted, expected, atol=1e-5)
    swept = numpy(both.sweep(images[:1], levels))
    assert_close(swept[0], found[0], atol=1e-5)
    trained = MultiLevel(both)({"image": images[None], "level": levels[None]})
    assert_close(trained[0], found, atol=1e-5)


@pytest.mark.parametrize("tail", ["paper", "light"])
def test_map_of_axes_equals_its_levels_where_it_is_constant(image, tail):
    model = random_network(axes=("noise", "jpeg"), level_offset=(25, 55), level_scale=(25, 45),
                           tail=tail)  # fmt: skip
    wide = np.concatenate([image] * 6, axis=2)
    levels = np.empty((*wide.shape[:3], 2), np.float32)
    middle = wide.shape[2] // 2 // 4 * 4
    levels[:, :, :middle], levels[:, :, middle:] = (15, 40), (30, 90)
    found = numpy(model({"image": wide, "level": levels}))
    predicted = model.predict({"image": wide, "level": levels}, verbose=0)
    assert_close(predicted, found, atol=1e-5)
    reach = model.halo
    for part, level in ((np.s_[: middle - reach], (15, 40)), (np.s_[middle + reach :], (30, 90))):
        expected = numpy(model({"image": wide, "level": level}))
        assert expected[:, :, part].size > 0
        assert_close(found[:, :, part], expected[:, :, part], atol=1e-5)


@pytest.mark.parametrize("shape", [(), (3,), (1, 10, 12)], ids=str)
def test_levels_of_other_axes_are_refused(both, image, shape):
    with pytest.raises(
        ValueError, match=r"of shape \(2,\), \(batch, 2\) or \(batch, height, width, 2"
    ):
        both({"image": image, "level": np.zeros(shape, np.float32)})


def test_axes_are_two_or_more_without_a_table():
    for options in ({"axes": ("noise",)}, {"axes": ("a", "b"), "level_table": [[0, 0], [1, 1]]}):
        with pytest.raises(ValueError, match="expected two `axes` or more and no `level_table`"):
            HyperRes(**options)
