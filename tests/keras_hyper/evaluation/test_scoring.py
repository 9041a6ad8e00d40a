import json

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from keras_hyper.evaluation import evaluate_level, score
from keras_hyper.metrics import luma, ssim
from pipelines import get_task
from pipelines.benchmark import benchmark_pairs
from pipelines.decode import find_pictures


def pair(rng, channels=3):
    clean = np.rint(rng.random((24, 30, channels)) * 255) / np.float32(255)
    noisy = np.clip(clean + rng.normal(0, 0.1, clean.shape), 0, 1).astype("float32")
    return clean.astype("float32"), noisy


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_scikit_images(rng, channels):
    clean, noisy = pair(rng, channels)
    expected = structural_similarity(
        clean, noisy, data_range=1.0, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, channel_axis=-1, full=True,
    )[1][5:-5, 5:-5].mean()  # fmt: skip
    assert float(ssim(clean[None], noisy[None])[0]) == pytest.approx(expected, abs=1e-4)


def test_luma_of_white_black_and_gray():
    assert float(luma(np.ones((1, 1, 3), np.float32))[0, 0, 0]) * 255 == pytest.approx(235)
    assert float(luma(np.zeros((1, 1, 3), np.float32))[0, 0, 0]) * 255 == pytest.approx(16)
    gray = np.ones((1, 1, 1), np.float32)
    assert luma(gray) is gray


def test_score_rounds_to_bytes_first(rng):
    clean, _ = pair(rng)
    assert score(clean, clean + 0.4 / 255, on_luma=False)[0] == pytest.approx(100.0, abs=0.01)


def test_row_holds_the_means(rng):
    pairs = [("a", noisy, clean) for clean, noisy in (pair(rng), pair(rng))]
    row = evaluate_level(lambda degraded, level: degraded, iter(pairs), 25.0)
    expected = np.mean([score(clean, noisy, False) for _, noisy, clean in pairs], axis=0)
    assert row["pictures"] == 2 and row["level"] == 25.0
    assert (row["psnr_before"], row["ssim_before"]) == pytest.approx(tuple(expected))
    assert row["psnr_after"] == row["psnr_before"]


# set, channels, place of the rows in the file of known figures, name of the figure, tolerance
KNOWN = {
    "denoise": ("CBSD68", 3, ("denoise", "CBSD68_even_480x320"), "uint8_floor", 0.03),
    "dejpeg": (
        "LIVE1", 1, ("dejpeg", "LIVE1_gray_full_even_crop"), "gray_even_before_jpeg_psnr", 0.01
    ),
    "dejpeg colour": ("LIVE1", 3, ("dejpeg", "LIVE1"), "rgb420_psnr", 0.01),
    "sr": (
        "Set5", 3, ("super_resolution_Set5", "official_cv2_uint8_nomod"), "Yround_psnr_b0", 0.01
    ),
}  # fmt: skip
LEVELS = {"denoise": (5, 25, 65), "dejpeg": (10, 30, 80), "sr": (2, 3, 4, 5, 6)}


@pytest.mark.parametrize("name", KNOWN)
def test_degraded_pictures_have_the_protocols_psnr(shared, name):
    folder, channels, place, figure, tolerance = KNOWN[name]
    rows = json.loads((shared / "facts" / "degraded_psnr.json").read_text())[place[0]][place[1]]
    task = get_task(name.split()[0])
    paths = find_pictures(shared / "data" / "test" / folder)
    for level in LEVELS[task.name]:
        scores = [
            score(clean, degraded, task.name == "sr")[0]
            for _, degraded, clean in benchmark_pairs(paths, task, level, channels)
        ]
        assert np.mean(scores) == pytest.approx(rows[str(level)][figure], abs=tolerance)
