import numpy as np
import pytest

from keras_hyper.training.objective import LevelPSNR, MeanLossOfLevels, level_metrics


@pytest.mark.parametrize("channels", [1, 3])
def test_loss_is_the_mean_over_the_levels(channels):
    clean = np.zeros((2, 4, 4, channels), np.float32)
    restored = np.stack([clean + 0.1, clean - 0.3], axis=1)
    assert float(MeanLossOfLevels()(clean, restored)) == pytest.approx(0.2)


def test_metrics_look_at_their_own_level():
    clean = np.zeros((2, 4, 4, 3), np.float32)
    restored = np.stack([clean + 0.1, clean + 0.01], axis=1)
    found = {}
    for metric in level_metrics(["5", "25"]):
        metric.update_state(clean, restored)
        found[metric.name] = float(metric.result())
    expected = {"loss_5": 0.1, "loss_25": 0.01, "psnr_5": 20.0, "psnr_25": 40.0}
    assert found == pytest.approx(expected, rel=1e-4)


def test_psnr_is_that_of_the_clipped_result():
    clean = np.ones((1, 4, 4, 3), np.float32)
    metric = LevelPSNR(0)
    metric.update_state(clean, clean[:, None] + 0.5)
    assert float(metric.result()) == pytest.approx(100.0)
