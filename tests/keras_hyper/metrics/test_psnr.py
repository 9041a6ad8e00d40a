import math

import numpy as np
import pytest
from keras import ops
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from keras_hyper.metrics import psnr, psnr_b


def test_uniform_error_of_a_tenth_is_20_db():
    clean = np.zeros((1, 8, 8, 3), np.float32)
    assert float(psnr(clean, clean + 0.1)[0]) == pytest.approx(20.0, abs=1e-4)


def test_psnr_of_each_picture_equals_scikit_image(rng):
    clean = rng.random((2, 9, 7, 3), dtype="float32") * 255
    noisy = clean + rng.normal(0, [[[[3]]], [[[20]]]], clean.shape)
    for a, b, score in zip(clean, noisy, psnr(clean, noisy, peak=255.0), strict=True):
        expected = peak_signal_noise_ratio(a, b, data_range=255)
        assert float(score) == pytest.approx(expected, abs=1e-3)


def test_equal_pictures_have_a_finite_psnr():
    assert float(psnr(np.ones((1, 2, 2, 1)), np.ones((1, 2, 2, 1)))[0]) == pytest.approx(100.0)


def test_tensors_have_the_same_psnr_as_arrays(rng):
    clean, noisy = rng.random((2, 3, 9, 7, 3), dtype="float32")
    scores = psnr(clean, noisy)
    assert isinstance(scores, np.ndarray) and scores.dtype == np.float32
    tensors = psnr(ops.convert_to_tensor(clean), ops.convert_to_tensor(noisy))
    np.testing.assert_allclose(tensors, scores, rtol=1e-6)


def test_step_at_a_block_border_computed_by_hand():
    # 16x16 has one border in each direction; the step of 0.1 crosses the whole vertical one.
    clean, stepped = np.zeros((1, 16, 16, 1)), np.zeros((1, 16, 16, 1))
    stepped[:, :, 8:] = 0.1
    error = 0.01 / 2
    # 16 of the 32 pairs at borders step by 0.1, none elsewhere; log2(8) / log2(16) = 3 / 4.
    factor = 3 / 4 * (16 * 0.01 / 32)
    expected = -10 * math.log10(error + factor)
    assert float(psnr_b(clean, stepped)[0]) == pytest.approx(expected, abs=1e-4)


def test_equals_psnr_without_steps_at_block_borders(rng):
    clean = np.full((1, 20, 30, 3), 0.5)
    restored = clean.copy()
    restored[:, 3, 4] = 0.7  # inside a block
    assert float(psnr_b(clean, restored)[0]) == pytest.approx(float(psnr(clean, restored)[0]), 1e-5)


@pytest.fixture
def blocky(tmp_path, photo):
    """A gray picture of 296x448 and its JPEG of quality 10, uint8."""
    clean = np.rint(photo[:296, :448, :1] * 255).astype(np.uint8)
    Image.fromarray(clean[..., 0]).save(tmp_path / "a.jpg", quality=10)
    with Image.open(tmp_path / "a.jpg") as picture:
        return clean, np.asarray(picture)[..., None]


def test_equals_the_definition(blocky):
    clean, restored = (picture[:40, :56, 0] / 255.0 for picture in blocky)
    borders, others = [], []
    for row, column in np.ndindex(restored.shape):
        for down, right in ((1, 0), (0, 1)):
            if row + down < 40 and column + right < 56:
                step = (restored[row, column] - restored[row + down, column + right]) ** 2
                place = (row if down else column) + 1
                (others if place % 8 else borders).append(step)
    factor = max(np.mean(borders) - np.mean(others), 0) * math.log2(8) / math.log2(40)
    expected = -10 * math.log10(np.mean((clean - restored) ** 2) + factor)
    ours = psnr_b(clean[None, ..., None], restored[None, ..., None])[0]
    assert float(ours) == pytest.approx(expected, abs=1e-4)


def test_is_close_to_torchmetrics(blocky):
    torchmetrics = pytest.importorskip(
        "torchmetrics.functional.image",
        reason="torchmetrics is not installed, the reference implementation of PSNR-B",
    )
    import torch

    clean, restored = (picture[..., 0][None, None] / 255.0 for picture in blocky)
    reference = torchmetrics.peak_signal_noise_ratio_with_blocked_effect(
        torch.tensor(restored), torch.tensor(clean), block_size=8, data_range=1.0
    )
    ours = psnr_b(blocky[0][None] / 255.0, blocky[1][None] / 255.0)[0]
    # It divides by one border more than the picture has, 56 instead of 55: some hundredths of a dB.
    assert float(ours) == pytest.approx(float(reference), abs=0.08)
    assert float(ours) < float(psnr(clean[0, 0, ..., None], restored[0, 0, ..., None])) - 0.3


def test_8_bit_range_equals_float_range(rng):
    clean = rng.random((2, 24, 17, 3))
    noisy = np.clip(clean + rng.normal(0, 0.1, clean.shape), 0, 1)
    np.testing.assert_allclose(
        psnr_b(clean * 255, noisy * 255, peak=255.0), psnr_b(clean, noisy), rtol=1e-5
    )


def test_picture_without_block_borders_is_refused():
    with pytest.raises(ValueError, match="expected sides of 9 pixels or more, got 8x30"):
        psnr_b(np.zeros((1, 30, 8, 1)), np.zeros((1, 30, 8, 1)))
