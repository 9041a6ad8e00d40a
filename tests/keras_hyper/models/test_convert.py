import numpy as np
import pytest

from keras_hyper.models.convert import from_state_dict, load_checkpoint

CASES = {"official_rgb_2blocks": (3, 2), "official_gray_1block": (1, 1)}


def convolve(x, weights, name, stride=1):
    """A convolution of ``(height, width, in)`` by ``(out, in, 3, 3)``, zero padding of 1."""
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, ((1, 1), (1, 1), (0, 0))), (3, 3), axis=(0, 1)
    )
    return np.einsum("yxirc,oirc->yxo", windows[::stride, ::stride], kernel) + bias


def generated(weights, name, level):
    """The kernel and the bias of a generated convolution: slope times scalar plus offset."""
    values = weights[f"{name}.fc.weight"][:, 0] * level / 255 + weights[f"{name}.fc.bias"]
    filters = round((len(values) / 9) ** 0.5)
    kernel = values[: 9 * filters**2].reshape(filters, filters, 3, 3)
    return {"kernel.weight": kernel, "kernel.bias": values[9 * filters**2 :]}


def reference(weights, image, level):
    """The authors' network in numpy, from its description: ``(height, width, channels)``."""
    weights = {key: np.asarray(value, np.float64) for key, value in weights.items()}
    blocks = sum(key.endswith("hy_conv1.fc.weight") for key in weights)
    head = x = convolve(image, weights, "conv1.module", stride=2)
    for block in range(1, blocks + 1):
        y = x
        for step in ("hy_conv1", "hy_conv2"):
            kernel = generated(weights, f"res_blocks_meta.{block}.{step}", level)
            y = convolve(y if step == "hy_conv1" else np.maximum(y, 0), kernel, "kernel")
        x = x + y
    x = convolve(head + convolve(x, weights, "conv2.module"), weights, "conv3.module")
    height, width, filters = x.shape
    x = x.reshape(height, width, filters // 4, 2, 2).transpose(0, 3, 1, 4, 2)
    x = np.maximum(x.reshape(2 * height, 2 * width, filters // 4), 0)
    x = np.maximum(convolve(x, weights, "conv4.module"), 0)
    return convolve(x, weights, "conv5.module")


def random_weights(channels, blocks, filters, rng):
    generator = 9 * filters**2 + filters
    shapes = {"conv1": (filters, channels), "conv2": (filters, filters)}
    shapes |= {"conv3": (4 * filters, filters), "conv4": (filters, filters)}
    shapes |= {"conv5": (channels, filters)}
    weights = {}
    for name, (out, into) in shapes.items():
        weights[f"{name}.module.weight"] = rng.normal(0, 0.2, (out, into, 3, 3))
        weights[f"{name}.module.bias"] = rng.normal(0, 0.2, out)
    for block in range(1, blocks + 1):
        for step in ("hy_conv1", "hy_conv2"):
            name = f"res_blocks_meta.{block}.{step}.fc"
            weights[f"{name}.weight"] = rng.normal(0, 0.2, (generator, 1))
            weights[f"{name}.bias"] = rng.normal(0, 0.2, generator)
    return {name: value.astype(np.float32) for name, value in weights.items()}


@pytest.mark.parametrize(("channels", "blocks", "filters"), [(3, 2, 6), (1, 1, 5)])
def test_converted_network_equals_the_computation_in_numpy(channels, blocks, filters, rng):
    weights = random_weights(channels, blocks, filters, rng)
    image = rng.random((18, 22, channels))
    model = from_state_dict(weights)
    for level in (0.0, 40.0, 200.0):
        expected = reference(weights, image, level)
        restored = model({"image": image[None].astype(np.float32), "level": level})[0]
        np.testing.assert_allclose(restored, expected, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", CASES)
def test_computation_in_numpy_equals_the_reference(shared, name):
    weights = np.load(shared / "parity" / f"{name}_weights.npz")
    known = np.load(shared / "parity" / f"{name}.npz")
    levels = [key.removeprefix("restored_level_") for key in known if key.startswith("restored")]
    for level in levels:
        restored = reference(weights, known["image"][0], float(level))
        np.testing.assert_allclose(restored, known[f"restored_level_{level}"][0], atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_converted_network_equals_the_reference(shared, name):
    weights = np.load(shared / "parity" / f"{name}_weights.npz")
    known = np.load(shared / "parity" / f"{name}.npz")
    model = from_state_dict(dict(weights))
    assert (model.channels, model.blocks) == CASES[name]
    levels = [key.removeprefix("restored_level_") for key in known if key.startswith("restored")]
    assert len(levels) >= 3
    for level in levels:
        restored = model({"image": known["image"], "level": float(level)})
        np.testing.assert_allclose(restored, known[f"restored_level_{level}"], atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_checkpoint_files_equal_their_weights(shared, name):
    pytest.importorskip("torch", reason="PyTorch is needed for `keras-hyper convert` alone")
    model = load_checkpoint(shared / "parity" / f"{name}.pth")
    expected = from_state_dict(dict(np.load(shared / "parity" / f"{name}_weights.npz")))
    for ours, theirs in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert len(model.levels) >= 3 and model.level_scale == 255


def test_other_weights_are_refused():
    with pytest.raises(ValueError, match="not those of the authors' network"):
        from_state_dict({"conv1.module.weight": np.zeros((64, 3, 3, 3)), "x": np.zeros(1)})
    with pytest.raises(ValueError, match="not those of the authors' network"):
        from_state_dict({})


def test_file_without_a_checkpoint_is_refused(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is needed for `keras-hyper convert` alone")
    garbage, other = tmp_path / "a.pth", tmp_path / "b.pth"
    garbage.write_bytes(b"no checkpoint")
    with pytest.raises(Exception) as reason:  # noqa: B017  torch raises errors of several kinds
        torch.load(garbage, weights_only=True)
    with pytest.raises(ValueError, match="no PyTorch checkpoint") as refused:
        load_checkpoint(garbage)
    assert str(refused.value).endswith(f"one: {str(reason.value).strip().splitlines()[0]}")
    torch.save({"weights": 1}, other)
    with pytest.raises(ValueError, match="expected a `state_dict`"):
        load_checkpoint(other)
