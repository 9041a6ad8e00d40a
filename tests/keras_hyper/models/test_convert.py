import numpy as np
import pytest

from keras_hyper.models.convert import from_state_dict, load_checkpoint

CASES = {"official_rgb_2blocks": (3, 2), "official_gray_1block": (1, 1)}


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
