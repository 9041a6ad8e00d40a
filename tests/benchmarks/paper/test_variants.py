import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.paper import variants
from keras_hyper.training.restoring import MeanLossOfLevels


def test_quantiser_scale_is_that_of_libjpeg():
    for quality, percent in ((5, 1000), (25, 200), (50, 100), (90, 20)):
        assert np.exp(variants.quantiser_scale(quality)) == pytest.approx(percent, rel=1e-5)
    assert np.isfinite(variants.quantiser_scale(100))


def test_weighted_loss_with_equal_weights_is_the_mean(rng):
    clean = rng.random((2, 4, 4, 3), dtype=np.float32)
    restored = rng.random((2, 3, 4, 4, 3), dtype=np.float32)
    plain = MeanLossOfLevels()(clean, restored)
    same = variants.WeightedLoss(np.ones(3, np.float32))(clean, restored)
    assert float(same) == pytest.approx(float(plain), rel=1e-6)
    one = variants.WeightedLoss(np.float32([3, 0, 0]))(clean, restored)
    assert float(one) == pytest.approx(float(np.abs(clean - restored[:, 0]).mean()), rel=1e-6)


@pytest.fixture
def argv(tmp_path, rng):
    for folder in ("train", "valid"):
        (tmp_path / folder).mkdir()
        pixels = rng.integers(0, 256, (200, 210, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / folder / "a.png")
    places = {"data": "train", "valid": "valid", "store": "figures.json"}
    words = [word for name, place in places.items() for word in (f"--{name}", tmp_path / place)]
    return [str(word) for word in ("variants", "--steps", "2", *words)]


@pytest.mark.parametrize(("task", "only"), [("dejpeg", "quantiser"), ("denoise", "sqrt(sigma)")])
def test_variant_is_trained_once_and_listed_in_the_table(
    task, only, tmp_path, argv, capsys, monkeypatch
):
    experiment = variants.EXPERIMENTS[task]
    chosen = tuple(variant for variant in experiment.variants if only in variant.name)[:1]
    experiment = dataclasses.replace(experiment, variants=chosen)
    monkeypatch.setitem(variants.EXPERIMENTS, task, experiment)
    monkeypatch.setattr("sys.argv", [*argv, "--task", task])
    variants.main()
    known = json.loads((tmp_path / "figures.json").read_text())
    assert [key.split(": ")[1] for key in known] == [chosen[0].name, "degraded pictures"]
    for figures in known.values():
        assert list(figures) == [f"{level:g}" for level in experiment.measured]
        assert all(np.isfinite(list(figures.values())))
    first = capsys.readouterr().out
    monkeypatch.setattr(variants, "trained", None)  # nothing is trained again
    variants.main()
    assert capsys.readouterr().out == first and chosen[0].name in first


def test_training_uses_the_weights_of_the_levels(tmp_path, argv, monkeypatch):
    def lowest_only(levels):
        return np.float32([4, 0, 0, 0])

    chosen = variants.Variant("plain"), variants.Variant("lowest only", weigh=lowest_only)
    experiment = dataclasses.replace(variants.EXPERIMENTS["denoise"], variants=chosen)
    monkeypatch.setitem(variants.EXPERIMENTS, "denoise", experiment)
    monkeypatch.setattr("sys.argv", argv)
    variants.main()
    known = json.loads((tmp_path / "figures.json").read_text())
    plain, lowest = (known[f"denoise, 2 steps: {variant.name}"] for variant in chosen)
    assert plain != lowest
