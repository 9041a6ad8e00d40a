import io

import numpy as np
import pytest
from PIL import Image

from keras_hyper import restore
from keras_hyper.live.network import LiveNetwork
from keras_hyper.live.pictures import OpenPicture
from keras_hyper.live.restoring import LeftOffError, Restoring, Wish
from keras_hyper.live.tasks import live_task
from keras_hyper.live.view import checked_box, times
from keras_hyper.metrics import psnr
from pipelines import TASKS
from pipelines.images import PictureFile
from tests.conftest import random_estimator, random_network


def wish_of(pixels, level=25.0, name="denoise", painted=0, clean=None):
    facts = {"task": name, "level_range": (2, 4) if name == "sr" else (5, 75)}
    task = live_task("a", random_network(**facts), TASKS[name], random_estimator())
    picture = OpenPicture("a.png", PictureFile(pixels), None, clean)
    return Wish("word", picture, task, level, painted)


def close(ours, theirs, bound=1):
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    # A sum may round to the other side.
    assert np.abs(ours.astype(float) - theirs).max() <= bound


@pytest.mark.parametrize(
    "box", [(0, 0, 9, 7), (13, 21, 30, 17), (50, 33, 100, 100), (-5, -5, 9, 9)]
)
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_view_equals_that_part_of_the_whole(rng, box, kind, channels):
    pixels = (rng.random((61, 83, channels)) * np.iinfo(kind).max).astype(kind)
    wish = wish_of(pixels.squeeze())
    view = checked_box(box, pixels.shape)
    restored = Restoring().view(wish, view, 1)
    assert restored.exact
    close(restored.pixels, restore(pixels.squeeze(), 25.0, wish.task.model)[view])


@pytest.mark.parametrize("factor", [2.0, 2.5, 3.0])
@pytest.mark.parametrize("box", [(0, 0, 9, 7), (13, 21, 20, 11)])
def test_a_view_that_is_enlarged_equals_that_part_of_the_whole(rng, box, factor):
    pixels = rng.integers(0, 256, (36, 44, 3), dtype=np.uint8)
    wish = wish_of(pixels, factor, "sr")
    view = checked_box(box, pixels.shape)
    part = Restoring().view(wish, view, 1).pixels
    whole = Restoring().whole(wish, lambda *_: None)
    assert whole.shape == (36 * factor, 44 * factor, 3)
    close(part, whole[times(view, factor)])


# The slider's ends lie beyond the range trained on, and the page says so itself.
@pytest.mark.filterwarnings("ignore:level .* outside the range trained on")
def test_a_painted_view_equals_that_part_of_the_whole(rng):
    pixels = rng.integers(0, 256, (61, 83, 3), dtype=np.uint8)
    wish = wish_of(pixels, painted=7)
    data = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (6, 8), dtype=np.uint8)).save(data, "PNG")
    wish.picture.paint(7, data.getvalue())
    view = checked_box((13, 20, 30, 17), pixels.shape)
    part = Restoring().view(wish, view, 1).pixels
    close(part, Restoring().whole(wish, lambda *_: None)[view])
    plain = restore(pixels, 25.0, wish.task.model)[view]
    assert np.abs(part.astype(float) - plain).max() > 2


def test_a_smaller_view_is_quick_until_the_whole_is_there(rng):
    pixels = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    wish, restoring = wish_of(pixels), Restoring()
    view = checked_box((0, 0, 80, 60), pixels.shape)
    quick = restoring.view(wish, view, 0.5)
    assert quick.pixels.shape == (30, 40, 3) and not quick.exact
    whole = restoring.whole(wish, lambda *_: None)
    exact = restoring.view(wish, view, 0.5)
    assert exact.exact
    squares = whole.reshape(30, 2, 40, 2, 3).mean((1, 3))
    np.testing.assert_allclose(exact.pixels, squares, atol=0.51)


def test_noise_in_a_smaller_view_is_taken_for_as_much_less(monkeypatch):
    flat = np.full((64, 64, 3), 128, np.uint8)
    wish = wish_of(flat)
    seen = counted(monkeypatch, wish.task.model, "generated")
    Restoring().view(wish, checked_box((0, 0, 64, 64), flat.shape), 0.25)
    assert seen[-1] == (25 * 0.25,)


def test_a_whole_picture_is_restored_once_and_can_be_left_off(rng):
    pixels = rng.integers(0, 256, (40, 1200, 3), dtype=np.uint8)
    wish, restoring = wish_of(pixels), Restoring()

    def leave(done, count):
        raise LeftOffError

    with pytest.raises(LeftOffError):
        restoring.whole(wish, leave)
    tiles = []
    first = restoring.whole(wish, lambda *done: tiles.append(done))
    assert tiles[-1] == (3, 3)
    assert restoring.whole(wish, leave) is first


def test_of_wholes_the_newest_are_kept(rng):
    pixels, restoring = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), Restoring(most=2)
    wishes = [wish_of(pixels, level) for level in (10.0, 20.0, 30.0)]
    made = [restoring.whole(wish, lambda *_: None) for wish in wishes]
    assert restoring.whole(wishes[2], lambda *_: None) is made[2]
    assert restoring.whole(wishes[0], lambda *_: None) is not made[0]


@pytest.mark.parametrize("known", [False, True], ids=["view", "whole"])
@pytest.mark.parametrize(("name", "level"), [("denoise", 20.0), ("dejpeg", 30.0), ("sr", 2.0)])
def test_a_picture_that_was_spoiled_tells_psnr(photo, name, level, known):
    given = np.rint(photo[:61, :83] * 255).astype(np.uint8)
    spoiled, clean = wish_of(given, level, name).task.spoil(given, level)
    wish, restoring = wish_of(spoiled, level, name, clean=clean), Restoring()
    view = checked_box((4, 6, 20, 14), spoiled.shape)
    if known:
        restoring.whole(wish, lambda *_: None)
    seen = restoring.view(wish, view, 1)
    truth = clean[times(view, wish.task.factor(level))] / np.float32(255)
    assert seen.after == pytest.approx(float(psnr(truth, seen.pixels / np.float32(255))), abs=1e-3)
    assert 15 < seen.before < 50
    assert clean.shape == restoring.whole(wish, lambda *_: None).shape


def test_enlarged_by_another_factor_there_is_no_psnr(rng):
    spoiled, clean = (rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (20, 40))
    seen = Restoring().view(wish_of(spoiled, 3.0, "sr", clean=clean), (slice(0, 8), slice(0, 8)), 1)
    assert seen.after is None


def counted(monkeypatch, owner, name):
    """The calls of a method from now on."""
    method, calls = getattr(owner, name), []
    monkeypatch.setattr(owner, name, lambda *given: (calls.append(given), method(*given))[1])
    return calls


def test_features_and_kernels_are_made_once(rng, monkeypatch):
    model = random_network()
    network = LiveNetwork(model)
    generated = counted(monkeypatch, model, "generated")
    encode = counted(monkeypatch, network, "_encode")
    image = rng.random((16, 12, 3), np.float32)
    for level in (10.0, 20.0, 10.0, 20.0):
        expected = model({"image": image[None], "level": level})[0]
        np.testing.assert_allclose(network("a", image, level), expected, atol=1e-5)
    assert (len(encode), len(generated)) == (1, 2)


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (8, 6), (1, 9)])
def test_odd_sides_come_back_as_they_were(rng, shape):
    model = random_network()
    image = rng.random((*shape, 3), np.float32)
    expected = model({"image": image[None], "level": 25.0})[0]
    np.testing.assert_allclose(LiveNetwork(model)("a", image, 25.0), expected, atol=1e-5)
