import pytest

from keras_hyper import HyperRes, LevelEstimator
from keras_hyper.cli import main
from keras_hyper.errors import WrongArgumentError
from keras_hyper.models import load_hyper_res, load_level_estimator, presets
from tests.conftest import random_estimator, random_network


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Models that ship: a tiny and a small network, a wider one, and an estimator."""
    networks = {
        "denoise": random_network(blocks=4),
        "denoise_tiny": random_network(blocks=1),
        "sr": random_network(blocks=1, task="sr", unit="factor", level_range=(2, 4)),
        "estimate": random_estimator(),
    }
    for name, network in networks.items():
        (tmp_path / name).mkdir()
        network.save(tmp_path / name / "model.keras")
    (tmp_path / "README.md").write_text("not a model")
    monkeypatch.setattr(presets, "shipped_models", lambda: tmp_path)
    return tmp_path


def test_presets_are_sizes_and_shipped_models(shipped):
    assert list(HyperRes.presets) == [
        "tiny", "small", "paper", "denoise", "denoise_tiny", "sr", "denoise_small",
        "sr_tiny",
    ]  # fmt: skip
    assert HyperRes.presets["small"] == {"blocks": 4}
    assert HyperRes.presets["denoise_small"]["folder"] == shipped / "denoise"
    assert HyperRes.presets["sr"] == {
        "folder": shipped / "sr", "task": "sr", "unit": "factor", "channels": 3, "blocks": 1,
        "level_range": [2.0, 4.0],
    }  # fmt: skip
    assert list(LevelEstimator.presets) == ["estimate"]


def test_model_is_loaded_by_folder_name_and_by_size(shipped):
    assert HyperRes.from_preset("denoise").blocks == 4
    assert HyperRes.from_preset("denoise_small").blocks == 4
    assert HyperRes.from_preset("denoise_tiny").blocks == 1


def test_folder_has_priority_over_size(shipped):
    (shipped / "denoise_small").mkdir()
    random_network(blocks=4, task="other").save(shipped / "denoise_small" / "model.keras")
    assert HyperRes.from_preset("denoise_small").task == "other"
    assert HyperRes.presets["denoise_small"]["folder"] == shipped / "denoise_small"


def test_unknown_name_is_refused_with_folder_and_known_names(shipped):
    with pytest.raises(ValueError, match=f"(?s)No preset 'huge'.*tiny, small, paper.*{shipped}"):
        HyperRes.from_preset("huge")
    with pytest.raises(ValueError, match="takes no further arguments"):
        HyperRes.from_preset("denoise_small", filters=8)
    with pytest.raises(KeyError):
        HyperRes.presets["huge"]


def test_sizes_exist_without_shipped_models(tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "shipped_models", lambda: tmp_path / "nowhere")
    assert list(HyperRes.presets) == ["tiny", "small", "paper"] and len(HyperRes.presets) == 3
    with pytest.raises(ValueError, match="nowhere: none"):
        HyperRes.from_preset("denoise")


def test_a_network_is_loaded_by_file_folder_or_name(shipped):
    file = shipped / "sr" / "model.keras"
    for name in (str(file), str(file.parent), "sr"):
        assert presets.load(HyperRes, name).task == "sr"
    assert load_level_estimator("estimate").task == "denoise"
    assert load_hyper_res("sr").task == "sr"


def test_what_cannot_be_loaded_is_a_wrong_argument(shipped, tmp_path):
    expected = r"no such file: huge \(shipped models: denoise, denoise_tiny, sr, denoise_small, sr_"
    with pytest.raises(WrongArgumentError, match=expected):
        presets.load(HyperRes, "huge")
    with pytest.raises(
        WrongArgumentError, match=r"no such file: .*sr.*\(shipped models: estimate;"
    ):
        presets.load(LevelEstimator, "sr")
    with pytest.raises(
        WrongArgumentError, match="expected a LevelEstimator, got a HyperRes in .*sr"
    ):
        presets.load(LevelEstimator, str(shipped / "sr"))
    (tmp_path / "garbage.keras").write_bytes(b"garbage")
    with pytest.raises(
        WrongArgumentError, match="garbage.keras cannot be loaded as a Keras model: "
    ):
        presets.load(HyperRes, str(tmp_path / "garbage.keras"))


def test_a_size_takes_further_arguments():
    model = HyperRes.from_preset("tiny", channels=1, filters=8)
    assert (model.blocks, model.channels, model.filters, model.built) == (1, 1, 8, True)


def test_command_line_takes_the_same_names(shipped, tmp_path, photo):
    from PIL import Image

    source = tmp_path / "a.png"
    Image.fromarray((photo[:16, :16] * 255).astype("uint8")).save(source)
    argv = [str(source), str(tmp_path / "b.png"), "--task", "denoise", "--level", "25"]
    assert main(["restore", *argv, "--model", "denoise_small", "--precision", "float32"]) == 0
    assert (tmp_path / "b.png").is_file()
