import numpy as np
import pytest
from PIL import Image

from keras_hyper import estimate
from keras_hyper.live.task import live_task
from pipelines import TASKS
from tests.conftest import random_estimator, random_network


def task_of(name, **facts):
    network = random_network(task=name, **facts)
    return live_task("a", network, TASKS[name], random_estimator())


@pytest.mark.parametrize("quality", [1.0, 10.0, 49.0, 50.0, 80.0, 100.0])
def test_reduced_picture_has_a_higher_jpeg_quality(quality):
    reduced = task_of("dejpeg").scaled_level
    assert reduced(quality, 1.0) == pytest.approx(quality)
    assert quality <= reduced(quality, 0.5) <= 100
    # libjpeg: quality 25 is 5000 / 25 = 200 per cent of the steps; half of that is quality 50.
    assert reduced(25.0, 0.5) == pytest.approx(50) and reduced(50.0, 0.5) == pytest.approx(75)
    levels = np.array([[quality, 25.0]], np.float32)
    np.testing.assert_allclose(reduced(levels, 0.5), [[reduced(quality, 0.5), 50]], rtol=1e-6)


def test_reduced_picture_has_weaker_noise():
    assert task_of("denoise").scaled_level(20.0, 0.25) == 5


def test_level_is_estimated_by_the_estimator_of_its_task(tmp_path, rng):
    pixels = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    noise, quality = random_estimator(), random_estimator(task="dejpeg", level_range=(5, 100))
    assert task_of("denoise").estimate(path, pixels) == estimate(pixels, noise)
    estimated = live_task("a", random_network(task="dejpeg"), TASKS["dejpeg"], quality).estimate
    assert estimated(path, pixels) == max(round(estimate(pixels, quality)), 1) < 80
    # Without an estimator the quality comes from the pixels alone, and these give none.
    assert task_of("dejpeg").estimate(path, pixels) is None
    assert task_of("sr", level_range=(2, 4)).estimate is None


@pytest.mark.parametrize(
    ("name", "trained", "slider"),
    [
        ("denoise", (5, 90), (2, 113, 0.5)),
        ("denoise", (0, 90), (0, 113, 0.5)),
        ("dejpeg", (1, 80), (1, 100, 0.5)),
        ("dejpeg", (10, 80), (5, 100, 0.5)),
        ("sr", (2, 4), (1.5, 4, 0.25)),
    ],
)
def test_slider_extends_beyond_the_trained_range(name, trained, slider):
    (found,) = task_of(name, level_range=trained).sliders
    assert (*found.ends, found.step) == slider


@pytest.mark.parametrize("shape", [(21, 33), (21, 33, 2), (21, 33, 3), (21, 33, 4)])
@pytest.mark.parametrize(("name", "level"), [("denoise", 20.0), ("dejpeg", 30.0), ("sr", 2.5)])
def test_degraded_pictures_are_8_bit_without_alpha(rng, shape, name, level):
    pixels = rng.integers(0, 65536, shape, dtype=np.uint16)
    task = task_of(name)
    degraded, clean = task.degrade(pixels, level)
    assert degraded.dtype == clean.dtype == np.uint8
    assert degraded.ndim == clean.ndim == (3 if shape[2:] > (2,) else 2)
    if name == "sr":
        assert degraded.shape[:2] == (8, 13) and clean.shape[:2] == (20, 32)
        assert task.enlarge(degraded, level).shape == clean.shape
    else:
        assert degraded.shape == clean.shape == shape[:2] + ((3,) if clean.ndim == 3 else ())
    np.testing.assert_array_equal(degraded, task.degrade(pixels, level)[0])


def two_levels():
    ranges = {"level_range": [[0, 50], [10, 100]], "level_scale": (25, 45)}
    model = random_network(task="denoise+dejpeg", axes=("noise", "jpeg"), **ranges)
    quality = random_estimator(task="dejpeg", level_range=(5, 100))
    return live_task("a", model, TASKS["denoise+dejpeg"], random_estimator(), quality)


def test_each_level_has_a_slider_an_estimate_and_a_place_in_requests(tmp_path, rng):
    task, pixels = two_levels(), rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
    assert [(one.name, one.ends, one.rising) for one in task.sliders] == [
        ("noise", (0, 63), True), ("jpeg", (5, 100), False)
    ]  # fmt: skip
    assert task.parsed("15,40") == task.parsed([15, 40]) == (15.0, 40.0)
    with pytest.raises(ValueError, match="expected 2 levels, got 15"):
        task.parsed("15")
    # Noise averages out, and steps of half the size are of a higher quality.
    assert task.scaled_level((20.0, 25.0), 0.5) == pytest.approx((10, 50))
    assert task.degrade(pixels, (30.0, 20.0))[0].shape == pixels.shape
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=40)
    assert task.estimate(tmp_path / "a.jpg", pixels) == (estimate(pixels, random_estimator()), 40)


def test_picture_with_next_to_no_damage_gets_the_weakest_level(tmp_path, rng, monkeypatch):
    pixels = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    monkeypatch.setattr("keras_hyper.restoration.level.estimate", lambda *_: 95.0)
    quality = random_estimator(task="dejpeg", level_range=(5, 100))
    task = live_task("a", random_network(task="dejpeg"), TASKS["dejpeg"], quality)
    assert task.estimate(tmp_path / "a.png", pixels) == task.sliders[0].ends[1]
