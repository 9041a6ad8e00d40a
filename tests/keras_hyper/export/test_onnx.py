import json

import numpy as np
import onnxruntime
import pytest

from keras_hyper.export import onnx as onnx_export
from keras_hyper.export.onnx import export_estimator_onnx, export_onnx
from keras_hyper.restoration.engines import OnnxRestorer
from tests.conftest import random_estimator, random_network


@pytest.fixture(scope="module", params=[1, 3], ids=["gray", "colour"])
def model(request):
    return random_network(channels=request.param, blocks=2)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx") / "new" / "denoise"
    return export_onnx(model, folder, card={"data": "none"})


@pytest.fixture(scope="module")
def session(exported):
    return onnxruntime.InferenceSession(exported)


@pytest.mark.parametrize("sides", [(1, 1), (1, 8), (3, 1), (7, 9), (16, 16), (31, 50)])
@pytest.mark.parametrize("level", [5, 37.5, 110])
def test_onnx_file_equals_the_network(model, session, rng, sides, level):
    image = rng.random((1, *sides, model.channels), dtype="float32")
    [restored] = session.run(["restored"], {"image": image, "level": np.array(level, np.float32)})
    expected = np.clip(model({"image": image, "level": level}), 0, 1)
    np.testing.assert_allclose(restored, expected, atol=1e-5)
    assert np.abs(restored - image).max() > 1e-3


def test_batch_is_restored_at_one_level(model, session, rng):
    image = rng.random((3, 7, 9, model.channels), dtype="float32")
    [restored] = session.run(None, {"image": image, "level": np.array(25, np.float32)})
    expected = np.clip(model({"image": image, "level": 25}), 0, 1)
    np.testing.assert_allclose(restored, expected, atol=1e-5)


def test_inputs_and_outputs_have_the_documented_names_and_types(model, session):
    image, level = session.get_inputs()
    [restored] = session.get_outputs()
    assert (image.name, level.name, restored.name) == ("image", "level", "restored")
    assert (image.type, level.type, level.shape) == ("tensor(float)", "tensor(float)", [])
    assert image.shape[3] == restored.shape[3] == model.channels


def test_card_equals_that_of_a_saved_model(model, exported):
    card = json.loads((exported.parent / "card.json").read_text())
    assert (card["task"], card["halo"], card["data"]) == ("denoise", model.halo, "none")
    assert (card["onnx_opset"], card["only_level"]) == (onnx_export.OPSET, None)
    assert sorted(path.name for path in exported.parent.iterdir()) == ["card.json", "model.onnx"]


def test_file_of_one_level_has_no_level_input(tiny, tmp_path, rng):
    session = onnxruntime.InferenceSession(export_onnx(tiny, tmp_path, level=25.0))
    image = rng.random((1, 7, 9, 3), dtype="float32")
    [restored] = session.run(None, {"image": image})
    expected = np.clip(tiny({"image": image, "level": 25}), 0, 1)
    np.testing.assert_allclose(restored, expected, atol=1e-5)
    assert json.loads((tmp_path / "card.json").read_text())["only_level"] == 25


@pytest.mark.parametrize("name", ["model.onnx", "card.json"])
def test_existing_file_is_not_overwritten(tiny, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(FileExistsError, match="exists"):
        export_onnx(tiny, tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


@pytest.mark.parametrize(
    "write",
    [export_onnx, lambda model, folder: model.export(folder / "model.onnx", format="onnx")],
    ids=["keras-hyper", "Keras"],
)
def test_file_with_a_different_result_is_not_written(tiny, tmp_path, monkeypatch, write):
    whole = onnx_export._converted
    other = tiny.at_level(75.0)
    monkeypatch.setattr(
        onnx_export,
        "_converted",
        lambda function, inputs: whole(lambda image, level: {"restored": other(image)}, inputs),
    )
    with pytest.raises(ValueError, match="expected results of the ONNX file"):
        write(tiny, tmp_path)
    assert not list(tmp_path.iterdir())


def test_other_precision_is_refused(tiny, tmp_path):
    with pytest.raises(ValueError, match="in float32, got one in mixed_bfloat16"):
        export_onnx(tiny.with_precision("bfloat16"), tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("sides", [(16, 16), (40, 128), (97, 128)])
def test_exported_estimator_equals_the_estimator(tmp_path, rng, sides):
    estimator = random_estimator()
    path = export_estimator_onnx(estimator, tmp_path, card={"data": "none"})
    image = rng.random((9, *sides, 3), dtype="float32")
    [estimated] = onnxruntime.InferenceSession(path).run(["level"], {"image": image})
    np.testing.assert_allclose(estimated, estimator(image), rtol=1e-4)
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["crop"] == 128 and card["task"] == "denoise" and card["data"] == "none"
    with pytest.raises(FileExistsError):
        export_estimator_onnx(estimator, tmp_path)


def test_a_file_of_two_axes_takes_both_levels(tmp_path, rng):
    axes = {"axes": ("noise", "jpeg"), "level_range": ((0, 50), (10, 100))}
    network = random_network(**axes, level_scale=(25, 45))
    path = export_onnx(network, tmp_path)
    image = rng.random((9, 8, 3), dtype="float32")
    found = OnnxRestorer("both", path, "onnxruntime").run(image, np.float32([15, 40]))
    expected = network({"image": image[None], "level": [15, 40]})[0]
    np.testing.assert_allclose(found, np.clip(expected, 0, 1), atol=1e-4)


AXES = {"axes": ("noise", "jpeg"), "level_range": ((0, 50), (10, 100)), "level_scale": (25, 45)}


@pytest.mark.parametrize(
    ("options", "low", "high"),
    [({}, 5, 75), ({"channels": 1}, 5, 75), (AXES, [15, 40], [30, 90])],
    ids=["colour", "gray", "axes"],
)
def test_a_keras_export_takes_a_level_of_each_image(tmp_path, rng, options, low, high):
    model = random_network(**options)
    model.export(tmp_path / "new", format="onnx")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["model.onnx"]
    session = onnxruntime.InferenceSession(tmp_path / "new" / "model.onnx")
    for sides in ((1, 1), (7, 9), (16, 12)):
        image = rng.random((2, *sides, model.channels), dtype="float32")
        level = np.array([low, high], np.float32)
        [restored] = session.run(["restored"], {"image": image, "level": level})
        # As the network's call: not clipped.
        np.testing.assert_allclose(restored, model({"image": image, "level": level}), atol=1e-4)
        for index, one in enumerate((low, high)):
            plain = model.at_level(one)(image[index : index + 1])
            np.testing.assert_allclose(restored[index], plain[0], atol=1e-4)


def test_a_keras_export_of_a_plain_network_takes_an_image(tiny, tmp_path, rng):
    plain, path = tiny.at_level(25), tmp_path / "plain.onnx"
    path.write_text("mine")  # replaced, as Keras does
    plain.export(path, format="onnx", verbose=False)
    image = rng.random((2, 7, 9, 3), dtype="float32")
    [restored] = onnxruntime.InferenceSession(path).run(["restored"], {"image": image})
    np.testing.assert_allclose(restored, plain(image), atol=1e-4)


def test_a_keras_export_in_other_precision_or_with_a_signature_is_refused(tiny, tmp_path):
    with pytest.raises(ValueError, match="in float32, got one in mixed_bfloat16"):
        tiny.with_precision("bfloat16").export(tmp_path / "model.onnx", format="onnx")
    with pytest.raises(ValueError, match="no arguments but `verbose`, got .'opset_version'"):
        tiny.export(tmp_path / "model.onnx", format="onnx", opset_version=18)
    assert not list(tmp_path.iterdir())
