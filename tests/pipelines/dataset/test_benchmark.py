import io

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines import SAMPLE_PICTURES, TASKS, get_protocol
from pipelines.dataset.benchmark import benchmark_pairs, degraded_pair, noise_seed


@pytest.fixture
def picture(tmp_path, rng):
    """17x23 colour."""
    path = tmp_path / "a.png"
    Image.fromarray(rng.integers(0, 256, (23, 17, 3), dtype=np.uint8)).save(path)
    return path


def pair(path, task, protocol, level, channels=3, seed=0):
    return degraded_pair(path, get_protocol(TASKS[task], protocol), level, channels, seed)


def test_sides_are_cut_as_the_protocol_says(picture):
    for task, protocol, level, shape in (
        ("denoise", "paper", 25, (22, 16, 3)),
        ("denoise", "literature", 25, (23, 17, 3)),
        ("dejpeg", "colour", 10, (23, 17, 3)),
        ("sr", "paper", 5, (22, 16, 3)),
        ("sr", "literature", 5, (20, 15, 3)),
    ):
        degraded, clean = pair(picture, task, protocol, level)
        assert degraded.shape == clean.shape == shape


def test_sr_of_the_paper_degrades_the_whole_size_before_the_cut(picture):
    degraded, _ = pair(picture, "sr", "paper", 3)
    with Image.open(picture) as opened:
        whole = np.asarray(opened) / np.float32(255)
    protocol = get_protocol(TASKS["sr"], "paper")
    np.testing.assert_array_equal(degraded, protocol.degrade(whole, 3, (0, 0))[:22, :16])


def test_gray_is_made_as_the_protocol_says(tmp_path):
    Image.fromarray(np.full((8, 8, 3), (255, 0, 0), np.uint8)).save(tmp_path / "red.png")
    _, full = pair(tmp_path / "red.png", "dejpeg", "paper", 50, channels=1)
    _, limited = pair(tmp_path / "red.png", "dejpeg", "literature", 50, channels=1)
    assert full[0, 0, 0] * 255 == pytest.approx(76) and limited[0, 0, 0] * 255 == pytest.approx(81)


def test_gray_files_are_that_plane_already(tmp_path):
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(tmp_path / "gray.png")
    for protocol in ("paper", "literature"):
        _, clean = pair(tmp_path / "gray.png", "dejpeg", protocol, 50, channels=1)
        assert clean[0, 0, 0] * 255 == pytest.approx(200)


def test_noise_is_that_of_the_picture_its_level_and_the_seed(picture, tmp_path):
    first, clean = pair(picture, "denoise", "paper", 25)
    renamed = tmp_path / "renamed.bmp"
    with Image.open(picture) as opened:
        opened.save(renamed)
    np.testing.assert_array_equal(pair(renamed, "denoise", "paper", 25)[0], first)
    assert (pair(picture, "denoise", "paper", 25, seed=1)[0] != first).any()
    seeds = {noise_seed(clean, level, 0) for level in (15.0, 25.0)}
    assert len(seeds | {noise_seed(1 - clean, 25.0, 0)}) == 3


def test_a_picture_smaller_than_the_factor_is_refused(tmp_path):
    Image.new("RGB", (3, 9)).save(tmp_path / "small.png")
    with pytest.raises(ValueError, match="small.png: expected sides of 4 pixels and more, got 3x9"):
        pair(tmp_path / "small.png", "sr", "literature", 4)


def test_pairs_of_a_folder_are_the_headlines(picture):
    path, degraded, clean = next(benchmark_pairs([picture], TASKS["denoise"], 25.0))
    expected = pair(picture, "denoise", "paper", 25.0)
    assert path == picture
    np.testing.assert_array_equal(degraded, expected[0])
    np.testing.assert_array_equal(clean, expected[1])


def by_pillow(gray, quality):
    data = io.BytesIO()
    Image.fromarray(gray).save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(data))


@pytest.mark.parametrize("quality", [10, 50, 80])
@pytest.mark.parametrize("protocol", ["paper", "literature"])
def test_jpeg_protocols_equal_pillow_on_a_bundled_photograph(protocol, quality):
    path = SAMPLE_PICTURES / "chelsea.png"
    rgb = np.asarray(Image.open(path).convert("RGB"), np.float64)
    if protocol == "paper":
        gray = np.rint(rgb @ [0.299, 0.587, 0.114])[:300, :450]
    else:
        gray = np.rint(16 + rgb @ [65.481, 128.553, 24.966] / 255)
    degraded, clean = pair(path, "dejpeg", protocol, quality, channels=1)
    np.testing.assert_array_equal(np.rint(clean[..., 0] * 255), gray)
    expected = by_pillow(gray.astype(np.uint8), quality)
    np.testing.assert_array_equal(np.rint(degraded[..., 0] * 255), expected)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_super_resolution_equals_opencv_on_a_bundled_photograph(factor, plain_opencv):
    path = SAMPLE_PICTURES / "chelsea.png"
    rgb = np.asarray(Image.open(path).convert("RGB"))
    small = cv2.resize(rgb, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_CUBIC)
    expected = cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC)[:300, :450]
    degraded, clean = pair(path, "sr", "paper", factor)
    np.testing.assert_array_equal(np.rint(clean * 255), rgb[:300, :450])
    # The two round a few sums to different sides, once in each of the two steps.
    difference = np.abs(np.rint(degraded * 255) - expected)
    assert difference.max() <= 2 and np.mean(difference > 0) < 0.01


def test_noise_of_the_paper_is_clipped_and_floored_noise_of_the_level():
    degraded, clean = pair(SAMPLE_PICTURES / "chelsea.png", "denoise", "paper", 25)
    middle = (clean > 0.4) & (clean < 0.6)  # too far from the ends to be clipped
    noise = (degraded - clean)[middle] * 255
    assert noise.std() == pytest.approx(25, rel=0.02)
    assert noise.mean() == pytest.approx(-0.5, abs=0.2)  # flooring takes half a level
    np.testing.assert_allclose(degraded * 255, np.rint(degraded * 255), atol=1e-3)
