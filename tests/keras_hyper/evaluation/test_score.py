import numpy as np
import pytest

from keras_hyper.evaluation import Scoring, rounded, score
from keras_hyper.evaluation.score import checked_metrics
from keras_hyper.metrics import luma, psnr, ssim


@pytest.fixture
def pair(rng):
    clean = np.rint(rng.random((24, 30, 3)) * 255) / np.float32(255)
    noisy = np.clip(clean + rng.normal(0, 0.1, clean.shape), 0, 1)
    return clean.astype("float32"), noisy.astype("float32")


def test_luma_of_white_black_and_gray():
    assert float(luma(np.ones((1, 1, 3), np.float32))[0, 0, 0]) * 255 == pytest.approx(235)
    assert float(luma(np.zeros((1, 1, 3), np.float32))[0, 0, 0]) * 255 == pytest.approx(16)
    gray = np.ones((1, 1, 1), np.float32)
    assert luma(gray) is gray


def test_luma_of_red_rounded_and_not():
    red = np.array([[[1.0, 0.0, 0.0]]], np.float32)
    assert float(luma(red)[0, 0, 0]) * 255 == pytest.approx(81.0, abs=1e-4)
    assert float(luma(red, rounded=False)[0, 0, 0]) * 255 == pytest.approx(81.481, abs=1e-4)


def test_rounded_pictures_are_multiples_of_one_byte():
    picture = np.array([[[-0.2], [0.4999 / 255], [0.7 / 255], [1.3]]], np.float32)
    np.testing.assert_array_equal(rounded(picture).ravel() * 255, [0, 0, 1, 255])


def test_score_rounds_to_bytes_first(pair):
    clean, _ = pair
    assert score(clean, clean + 0.4 / 255)[0] == pytest.approx(100.0, abs=0.01)


def test_every_metric_has_its_plane_within_the_border(pair):
    clean, noisy = pair
    found = Scoring(psnr_on="luma", ssim_on="picture", border=3).figures(clean, [noisy])[0]
    inside = (slice(3, -3), slice(3, -3))
    assert found["psnr"] == pytest.approx(float(psnr(luma(clean[inside]), luma(noisy[inside]))))
    assert found["ssim"] == pytest.approx(float(ssim(clean[inside][None], noisy[inside][None])[0]))


def test_several_pictures_are_scored_at_once_and_unrounded(pair):
    clean, noisy = pair
    beyond = clean + 1.0  # as unclipped noise leaves [0, 1]
    first, second = Scoring(("psnr",)).figures(clean, [noisy, beyond])
    assert first["psnr"] == pytest.approx(float(psnr(clean, noisy)))
    assert second["psnr"] == pytest.approx(0.0, abs=1e-4)


def test_a_picture_smaller_than_its_border_is_refused(pair):
    with pytest.raises(ValueError, match="sides above 24 pixels.*got 30x24"):
        Scoring(border=12).figures(*[pair[0], [pair[1]]])


def test_psnr_and_ssim_are_always_measured_and_names_are_checked():
    assert checked_metrics(["psnr-b", "ssim"]) == ("psnr", "ssim", "psnr_b")
    with pytest.raises(ValueError, match="expected metrics of psnr, .*lpips, got mse"):
        checked_metrics(["mse"])
