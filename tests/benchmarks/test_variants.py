import json

import numpy as np
import pytest
from PIL import Image

from benchmarks import variants
from keras_hyper.training.objective import MeanLossOfLevels


def test_scale_of_the_quantiser_is_libjpegs():
    for quality, percent in ((5, 1000), (25, 200), (50, 100), (90, 20)):
        assert np.exp(variants.quantiser_scale(quality)) == pytest.approx(percent, rel=1e-5)
    assert np.isfinite(variants.quantiser_scale(100))


def test_weighed_loss_is_the_mean_where_all_weigh_the_same(rng):
    clean = rng.random((2, 4, 4, 3), dtype=np.float32)
    restored = rng.random((2, 3, 4, 4, 3), dtype=np.float32)
    plain = MeanLossOfLevels()(clean, restored)
    same = variants.WeighedLoss(np.ones(3, np.float32))(clean, restored)
    assert float(same) == pytest.approx(float(plain), rel=1e-6)
    one = variants.WeighedLoss(np.float32([3, 0, 0]))(clean, restored)
    assert float(one) == pytest.approx(float(np.abs(clean - restored[:, 0]).mean()), rel=1e-6)


@pytest.mark.parametrize(("task", "only"), [("dejpeg", "quantiser"), ("denoise", "sqrt(sigma)")])
def test_a_variant_is_trained_once_and_stands_in_the_table(
    task, only, tmp_path, rng, capsys, monkeypatch
):
    for folder in ("train", "valid"):
        (tmp_path / folder).mkdir()
        pixels = rng.integers(0, 256, (200, 210, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / folder / "a.png")
    chosen = tuple(variant for variant in variants.VARIANTS[task] if only in variant.words)[:1]
    monkeypatch.setitem(variants.VARIANTS, task, chosen)
    store = tmp_path / "figures.json"
    argv = ["variants", "--task", task, "--steps", "2", "--store", str(store)]
    for name in ("data", "valid"):
        argv += [f"--{name}", str(tmp_path / {"data": "train"}.get(name, name))]
    monkeypatch.setattr("sys.argv", argv)
    variants.main()
    ((key, figures),) = json.loads(store.read_text()).items()
    assert chosen[0].words in key and list(figures) == [f"{x:g}" for x in variants.WATCHED[task]]
    assert all(np.isfinite(list(figures.values())))
    first = capsys.readouterr().out
    monkeypatch.setattr(variants, "trained", None)  # nothing is trained again
    variants.main()
    assert capsys.readouterr().out == first and chosen[0].words in first
