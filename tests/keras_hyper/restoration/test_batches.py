import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from keras_hyper.restoration import batches, folder
from keras_hyper.restoration.batches import Batches
from keras_hyper.restoration.level import UsedLevel
from keras_hyper.restoration.picture import run_images, run_network
from keras_hyper.restoration.restorer import NetworkRestorer
from pipelines import TASKS
from tests.conftest import random_network

TWO_LEVELS = {"axes": ("noise", "quality"), "level_range": ((0, 75), (5, 95)),
              "level_offset": (0, 0), "level_scale": (75, 95)}  # fmt: skip


class Held:
    """`run_images` that runs alone first, until `count` calls wait for it, and records batches."""

    def __init__(self, batched, count):
        self.batched, self.count, self.sizes = batched, count, []
        self.first = threading.Event()

    def __call__(self, model, images, level, of_each):
        self.sizes.append((len(images), images.shape[1:3], of_each))
        if not self.first.is_set():
            self.first.set()
            while len(self.batched._waiting) < self.count:
                pass
        return run_images(model, images, level, of_each)


def run_all(monkeypatch, model, jobs, most):
    """Runs the first job, and the others while it runs; returns results and what ran together."""
    batched = Batches(model, most)
    held = Held(batched, len(jobs) - 1)
    monkeypatch.setattr(batches, "run_images", held)
    with ThreadPoolExecutor(len(jobs)) as pool:
        calls = [pool.submit(batched, *jobs[0])]
        held.first.wait()
        calls += [pool.submit(batched, *job) for job in jobs[1:]]
        return [call.result() for call in calls], held.sizes


def image(rng, *sides):
    return rng.random((*sides, 3), dtype="float32")


@pytest.mark.parametrize(
    ("facts", "levels"),
    [
        ({}, [25, 25, 25, 25]),
        ({}, [25, 10, 50, 75]),
        (TWO_LEVELS, [(25, 30), (10, 40), (50, 80), (50, 20)]),
        ({}, "maps"),
        (TWO_LEVELS, "maps"),
    ],
    ids=["one level", "a level of each", "two levels", "maps", "maps of two levels"],
)
def test_waiting_images_of_one_size_run_together_and_give_what_each_gives(
    monkeypatch, rng, facts, levels
):
    model = random_network(**facts)
    if levels == "maps":
        levels = [rng.uniform(10, 70, (8, 6, 2) if facts else (8, 6)) for _ in range(4)]
    jobs = [(image(rng, 8, 6), np.asarray(level, np.float32)) for level in levels]
    results, sizes = run_all(monkeypatch, model, jobs, most=8)
    assert [count for count, *_ in sizes] == [1, 3]
    assert sizes[1][2] == (np.ptp(levels[1:], axis=0).max() > 0)
    for result, (one, level) in zip(results, jobs, strict=True):
        np.testing.assert_allclose(result, run_network(model, one, level), atol=1e-5)


def test_other_sizes_and_more_than_the_limit_run_later(monkeypatch, rng):
    jobs = [(image(rng, 8, width), np.float32(25)) for width in (6, 6, 6, 6, 9)]
    results, sizes = run_all(monkeypatch, random_network(), jobs, most=2)
    assert [result.shape[1] for result in results] == [6, 6, 6, 6, 9]
    assert sorted(sizes[1:]) == [(1, (8, 6), False), (1, (8, 9), False), (2, (8, 6), False)]


def test_error_reaches_every_image_of_the_run_and_the_next_run_works(monkeypatch, rng):
    model = random_network()
    batched = Batches(model, 4)
    monkeypatch.setattr(batches, "run_images", lambda *_: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            batched(image(rng, 4, 4), np.float32(25))
    monkeypatch.undo()
    assert batched(image(rng, 4, 4), np.float32(25)).shape == (4, 4, 3)


def test_folder_restored_in_batches_equals_one_restored_picture_by_picture(tmp_path, rng):
    model, sources = random_network(), []
    for number in range(9):
        pixels = rng.integers(0, 256, (20, 24 + number // 6, 3), dtype=np.uint8)
        sources.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).save(sources[-1])
    results = []
    for batch in (1, 4):
        restorer = NetworkRestorer("a", model, batch=batch)
        assert restorer.concurrency == (8 if batch > 1 else 1)

        def restore(source, restorer=restorer, batch=batch):
            stage = folder.Stage(TASKS["denoise"], restorer, lambda *_: UsedLevel(25.0))
            out = tmp_path / str(batch) / source.name
            folder.restore_file(source, out, [stage], max_pixels=1000)

        (tmp_path / str(batch)).mkdir()
        assert folder.restore_many(sources, restore, restorer) == {}
        results.append([np.asarray(Image.open(tmp_path / str(batch) / s.name)) for s in sources])
    for alone, together in zip(*results, strict=True):
        assert np.abs(alone.astype(int) - together).max() <= 1
