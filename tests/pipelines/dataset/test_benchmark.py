import numpy as np
import pytest
from PIL import Image

from pipelines import TASKS, get_protocol
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
