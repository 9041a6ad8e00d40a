import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines import (
    SAMPLE_PICTURES,
    get_task,
    load_patch_cache,
    parse_levels,
    split,
    training_pairs,
    validation_pairs,
)
from pipelines.dataset import pairs
from pipelines.images import find_pictures

FOUND = find_pictures(SAMPLE_PICTURES)[1:3]


def chain(name, words=None, channels=3, **kwargs):
    task = get_task(name)
    levels = parse_levels(words, task)
    cache = load_patch_cache(FOUND, task, levels, channels, 24)
    return training_pairs(cache, task, levels, batch=2, patch=24, **kwargs)


@pytest.mark.parametrize("name", ["denoise", "dejpeg", "sr"])
@pytest.mark.parametrize("words", [None, ["2:8"]], ids=["list", "range"])
@pytest.mark.parametrize("channels", [1, 3])
def test_structure_of_the_pairs(name, words, channels):
    inputs, clean = next(iter(chain(name, words, channels)))
    assert inputs["image"].shape == (2, 4, 24, 24, channels)
    assert inputs["level"].shape == (2, 4) and clean.shape == (2, 24, 24, channels)
    for part in (inputs["image"], clean):
        assert part.dtype == tf.float32
        assert float(tf.reduce_min(part)) >= 0 and float(tf.reduce_max(part)) <= 1
    np.testing.assert_array_equal(inputs["level"][0], inputs["level"][1])


@pytest.mark.parametrize(
    ("name", "weak_first"), [("denoise", True), ("dejpeg", False), ("sr", True)]
)
@pytest.mark.parametrize("words", [None, ["2:8"]], ids=["list", "range"])
def test_degraded_versions_are_of_the_clean_patch_and_in_order_of_level(name, weak_first, words):
    errors = np.zeros(4)
    for inputs, clean in chain(name, words).take(6):
        errors += np.mean((inputs["image"] - clean[:, None]) ** 2, axis=(0, 2, 3, 4))
    assert errors.max() / 6 < 0.12
    expected = sorted(errors) if weak_first else sorted(errors)[::-1]
    assert errors.tolist() == expected


@pytest.mark.parametrize("words", [None, ["5:50"]], ids=["list", "range"])
@pytest.mark.parametrize("name", ["denoise", "dejpeg"])
def test_a_chain_started_at_a_later_step_has_the_same_steps(name, words):
    whole = list(chain(name, words).take(4))
    later = list(chain(name, words, first=2).take(2))
    for (inputs, clean), (inputs_later, clean_later) in zip(whole[2:], later, strict=True):
        np.testing.assert_array_equal(clean, clean_later)
        np.testing.assert_array_equal(inputs["image"], inputs_later["image"])
        np.testing.assert_array_equal(inputs["level"], inputs_later["level"])


def test_noise_is_fresh_at_every_level_and_step():
    (inputs, clean), (inputs2, clean2) = chain("denoise", ["25", "26"]).take(2)
    noise = [
        np.ravel(i["image"][:, index] - c)[:500]
        for i, c in ((inputs, clean), (inputs2, clean2))
        for index in (0, 1)
    ]
    correlation = np.corrcoef(noise) - np.eye(4)
    assert np.abs(correlation).max() < 0.3


def test_degradation_runs_on_the_given_device():
    on_device = chain("dejpeg", ["10:50"], device="/cpu:0")
    for (inputs, clean), (inputs2, clean2) in zip(
        chain("dejpeg", ["10:50"]).take(2), on_device.take(2), strict=True
    ):
        np.testing.assert_array_equal(clean, clean2)
        np.testing.assert_array_equal(inputs["image"], inputs2["image"])


@pytest.mark.parametrize("name", ["denoise", "dejpeg", "sr"])
def test_validation_pairs_are_fixed(name):
    task = get_task(name)
    first, again = (
        list(validation_pairs(FOUND, task, task.levels, side=96, batch=2)) for _ in range(2)
    )
    (inputs, clean), (inputs2, clean2) = first[0], again[0]
    assert inputs["image"].shape == (2, 4, 96, 96, 3)
    np.testing.assert_array_equal(inputs["image"], inputs2["image"])
    np.testing.assert_array_equal(clean, clean2)


def save_pictures(folder, count, unreadable=()):
    for number in range(count):
        path = folder / f"{number:02d}.png"
        if number in unreadable:
            path.write_bytes(b"no picture")
        else:
            Image.new("RGB", (30, 30), (10 * number, 0, 0)).save(path)


def test_split_holds_out_a_tenth(tmp_path):
    save_pictures(tmp_path, 25)
    train, valid, words = split(tmp_path)
    assert len(valid) == 3 and len(train) == 22 and not set(train) & set(valid)
    assert words == "3 of them, held out"


def test_split_takes_the_folder_it_is_given(tmp_path):
    (tmp_path / "one.png").touch()
    train, valid, _ = split(None, tmp_path)
    assert [path.name for path in valid] == ["one.png"]
    assert train == find_pictures(SAMPLE_PICTURES)


@pytest.mark.parametrize(("count", "unreadable"), [(5, {0}), (10, {0, 1}), (2, {1}), (12, {0, 10})])
def test_unreadable_files_first_in_the_folder_leave_pictures_to_validate_on(
    tmp_path, count, unreadable
):
    save_pictures(tmp_path, count, unreadable)
    task = get_task("denoise")
    train, valid, _ = split(tmp_path)
    inputs, _ = next(iter(validation_pairs(valid, task, [25.0], side=32)))
    assert inputs["image"].shape[0] >= 1
    assert load_patch_cache(train, task, parse_levels(None, task), patch=16).pictures >= 1


def test_validation_pictures_are_chosen_among_the_readable(tmp_path):
    save_pictures(tmp_path, 12, unreadable={0, 4, 5})
    pairs = validation_pairs(find_pictures(tmp_path), get_task("denoise"), [25.0], side=16, most=3)
    clean = np.concatenate([part for _, part in pairs])
    np.testing.assert_allclose(clean[:, 0, 0, 0] * 255, [10, 60, 80], atol=1e-4)


def test_nothing_readable_to_validate_on_is_an_error(tmp_path):
    save_pictures(tmp_path, 2, unreadable={0, 1})
    with pytest.raises(ValueError, match=r"No picture to validate on could be read.*01\.png"):
        validation_pairs(find_pictures(tmp_path), get_task("denoise"), [25.0])


def test_the_jpeg_grid_is_at_another_position_every_step():
    task = get_task("dejpeg")

    def coordinates(image, level, seed):
        rows, columns = tf.meshgrid(*map(tf.range, image.shape[1:3]), indexing="ij")
        return tf.cast(tf.stack([rows, columns], -1)[None], tf.float32)

    traced = dataclasses.replace(task, degrade=coordinates)
    levels = parse_levels(["10:50"], task, 2)
    cache = load_patch_cache(FOUND, traced, levels, 1, 24)
    positions = set()
    for inputs, _ in training_pairs(cache, traced, levels, batch=1, patch=24).take(60):
        row, column = inputs["image"][0, 0, 0, 0].numpy()
        positions.add((int(row), int(column)))
        assert task.margin // 2 <= min(row, column) <= max(row, column) < task.margin * 3 // 2
    assert {row % 8 for row, _ in positions} == set(range(8))
    assert {column % 8 for _, column in positions} == set(range(8))


def test_recompressed_pictures_are_off_their_own_grid(tmp_path, rng):
    gray = rng.integers(0, 256, (160, 160), dtype=np.uint8)
    Image.fromarray(gray).save(tmp_path / "a.jpg", quality=90)
    task, off = get_task("dejpeg"), []
    for skip in (0, task.skip):
        moved = dataclasses.replace(task, skip=skip)
        cache = load_patch_cache([tmp_path / "a.jpg"], moved, parse_levels(["90"], task), 1, 96)
        assert cache.sides.numpy().tolist() == [[160 - skip] * 2]
        clean, compressed = cache.patch(0, 96, 0).numpy().astype(float)
        off.append(np.abs(clean - compressed).mean())
    assert off[1] > 1.5 * off[0]


@pytest.mark.parametrize("name", ["denoise", "dejpeg", "photo"])
def test_some_patches_are_gray_in_both_parts(name):
    task = dataclasses.replace(get_task(name), gray=0.5)
    levels = parse_levels(None, task)
    cache = load_patch_cache(FOUND, task, levels, 3, 24)
    pairs = training_pairs(cache, task, levels, batch=16, patch=24)
    inputs, clean = next(pairs.as_numpy_iterator())
    spread = np.ptp(inputs["image"], axis=-1).max(axis=(1, 2, 3))
    gray = np.ptp(clean, axis=-1).max(axis=(1, 2)) == 0
    assert 0.2 < gray.mean() < 0.8
    assert (spread[gray] < 1.5 / 255).all() and (spread[~gray] > 1.5 / 255).all()


@pytest.mark.parametrize("name", ["denoise", "sr"])
def test_windows_that_are_degraded_at_every_step_have_the_margin(name, monkeypatch):
    monkeypatch.setattr(pairs, "build_patch_cache", lambda paths, windows, *rest: windows)
    task = get_task(name)
    windows = load_patch_cache(FOUND, task, parse_levels(["2:4"], task))
    assert windows.size == 48 + 2 * task.margin
