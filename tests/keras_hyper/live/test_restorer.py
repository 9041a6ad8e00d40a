import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from keras_hyper import restore
from keras_hyper.live.pictures import OpenPicture
from keras_hyper.live.restorer import LiveNetwork, Request, RequestCancelledError, ViewRestorer
from keras_hyper.live.task import live_task
from keras_hyper.live.view import checked_box, times
from keras_hyper.metrics import psnr
from keras_hyper.restoration.gray import ColourAndGrayRestorer
from keras_hyper.restoration.restorer import NetworkRestorer, open_restorer
from pipelines import TASKS
from pipelines.images import PictureFile
from tests.conftest import random_estimator, random_network


def request_of(pixels, level=25.0, name="denoise", painted=0, clean=None):
    facts = {"task": name, "level_range": (2, 4) if name == "sr" else (5, 75)}
    task = live_task("a", random_network(**facts), TASKS[name], random_estimator())
    picture = OpenPicture("a.png", PictureFile(pixels), None, clean)
    return Request("id", picture, task, level, painted)


def close(ours, theirs, bound=1):
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    # A sum may be rounded differently.
    assert np.abs(ours.astype(float) - theirs).max() <= bound


@pytest.mark.parametrize(
    "box", [(0, 0, 9, 7), (13, 21, 30, 17), (50, 33, 100, 100), (-5, -5, 9, 9)]
)
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_view_equals_the_same_part_of_the_whole(rng, box, kind, channels):
    pixels = (rng.random((61, 83, channels)) * np.iinfo(kind).max).astype(kind)
    request = request_of(pixels.squeeze())
    view = checked_box(box, pixels.shape)
    restored = ViewRestorer().view(request, view, 1)
    assert restored.exact
    close(restored.pixels, restore(pixels.squeeze(), 25.0, request.task.model.model)[view])


@pytest.mark.parametrize("factor", [2.0, 2.5, 3.0])
@pytest.mark.parametrize("box", [(0, 0, 9, 7), (13, 21, 20, 11)])
def test_enlarged_view_equals_the_same_part_of_the_whole(rng, box, factor):
    pixels = rng.integers(0, 256, (36, 44, 3), dtype=np.uint8)
    request = request_of(pixels, factor, "sr")
    view = checked_box(box, pixels.shape)
    part = ViewRestorer().view(request, view, 1).pixels
    whole = ViewRestorer().whole(request, lambda *_: None)
    assert whole.shape == (36 * factor, 44 * factor, 3)
    close(part, whole[times(view, factor)])


# The ends of the slider are outside the trained range; the page itself marks that range.
@pytest.mark.filterwarnings("ignore:level .* outside the range trained on")
def test_painted_view_equals_the_same_part_of_the_whole(rng):
    pixels = rng.integers(0, 256, (61, 83, 3), dtype=np.uint8)
    request = request_of(pixels, painted=7)
    data = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (6, 8), dtype=np.uint8)).save(data, "PNG")
    request.picture.paint(7, data.getvalue())
    view = checked_box((13, 20, 30, 17), pixels.shape)
    part = ViewRestorer().view(request, view, 1).pixels
    close(part, ViewRestorer().whole(request, lambda *_: None)[view])
    plain = restore(pixels, 25.0, request.task.model.model)[view]
    assert np.abs(part.astype(float) - plain).max() > 2


def test_reduced_view_is_approximate_until_the_whole_is_restored(rng):
    pixels = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    request, restoring = request_of(pixels), ViewRestorer()
    view = checked_box((0, 0, 80, 60), pixels.shape)
    quick = restoring.view(request, view, 0.5)
    assert quick.pixels.shape == (30, 40, 3) and not quick.exact
    whole = restoring.whole(request, lambda *_: None)
    exact = restoring.view(request, view, 0.5)
    assert exact.exact
    squares = whole.reshape(30, 2, 40, 2, 3).mean((1, 3))
    np.testing.assert_allclose(exact.pixels, squares, atol=0.51)


@pytest.mark.parametrize(("name", "level"), [("denoise", 25.0), ("sr", 2.0)])
def test_view_of_the_whole_picture_is_not_restored_again(rng, name, level):
    def leave(done, count):
        raise RequestCancelledError

    pixels = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    request, restoring = request_of(pixels, level, name), ViewRestorer()
    restoring.view(request, checked_box((0, 0, 80, 59), pixels.shape), 1)
    with pytest.raises(RequestCancelledError):
        restoring.whole(request, leave)
    view = restoring.view(request, checked_box((0, 0, 80, 60), pixels.shape), 1)
    assert restoring.whole(request, leave) is view.pixels


def test_reduced_view_is_restored_at_a_lower_noise_level(monkeypatch):
    flat = np.full((64, 64, 3), 128, np.uint8)
    request = request_of(flat)
    seen = counted(monkeypatch, request.task.model.model, "generated")
    ViewRestorer().view(request, checked_box((0, 0, 64, 64), flat.shape), 0.25)
    assert seen[-1] == (25 * 0.25,)


def test_whole_picture_is_restored_once_and_can_be_cancelled(rng):
    pixels = rng.integers(0, 256, (40, 1200, 3), dtype=np.uint8)
    request, restoring = request_of(pixels), ViewRestorer()

    def leave(done, count):
        raise RequestCancelledError

    with pytest.raises(RequestCancelledError):
        restoring.whole(request, leave)
    tiles = []
    first = restoring.whole(request, lambda *done: tiles.append(done))
    assert tiles[-1] == (3, 3)
    assert restoring.whole(request, leave) is first


def test_newest_whole_pictures_are_kept(rng):
    pixels, restoring = (
        rng.integers(0, 256, (8, 8, 3), dtype=np.uint8),
        ViewRestorer(num_pictures=2),
    )
    requests = [request_of(pixels, level) for level in (10.0, 20.0, 30.0)]
    made = [restoring.whole(request, lambda *_: None) for request in requests]
    assert restoring.whole(requests[2], lambda *_: None) is made[2]
    assert restoring.whole(requests[0], lambda *_: None) is not made[0]


@pytest.mark.parametrize("known", [False, True], ids=["view", "whole"])
@pytest.mark.parametrize(("name", "level"), [("denoise", 20.0), ("dejpeg", 30.0), ("sr", 2.0)])
def test_degraded_picture_has_psnr(photo, name, level, known):
    given = np.rint(photo[:61, :83] * 255).astype(np.uint8)
    degraded, clean = request_of(given, level, name).task.degrade(given, level)
    request, restoring = request_of(degraded, level, name, clean=clean), ViewRestorer()
    view = checked_box((4, 6, 20, 14), degraded.shape)
    if known:
        restoring.whole(request, lambda *_: None)
    seen = restoring.view(request, view, 1)
    truth = clean[times(view, request.task.factor(level))] / np.float32(255)
    assert seen.after == pytest.approx(float(psnr(truth, seen.pixels / np.float32(255))), abs=1e-3)
    assert 15 < seen.before < 50
    assert clean.shape == restoring.whole(request, lambda *_: None).shape


def test_no_psnr_at_another_enlargement_factor(rng):
    degraded, clean = (rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (20, 40))
    seen = ViewRestorer().view(
        request_of(degraded, 3.0, "sr", clean=clean), (slice(0, 8), slice(0, 8)), 1
    )
    assert seen.after is None


def counted(monkeypatch, owner, name):
    """Returns a list to which the calls of a method are added."""
    method, calls = getattr(owner, name), []
    monkeypatch.setattr(owner, name, lambda *given: (calls.append(given), method(*given))[1])
    return calls


def test_features_and_kernels_are_computed_once(rng, monkeypatch):
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
def test_odd_sides_are_unchanged(rng, shape):
    model = random_network()
    image = rng.random((*shape, 3), np.float32)
    expected = model({"image": image[None], "level": 25.0})[0]
    np.testing.assert_allclose(LiveNetwork(model)("a", image, 25.0), expected, atol=1e-5)


@pytest.mark.parametrize("scale", [1, 0.5])
def test_views_of_one_picture_do_not_share_features(rng, scale):
    pixels = rng.integers(0, 256, (61, 83, 3), dtype=np.uint8)
    request, restorer = request_of(pixels), ViewRestorer()
    for box in ((0, 0, 20, 20), (50, 30, 20, 20)):
        view = checked_box(box, pixels.shape)
        expected = ViewRestorer().view(request, view, scale).pixels
        np.testing.assert_array_equal(restorer.view(request, view, scale).pixels, expected)


@pytest.mark.parametrize("level", [25.0, 74.0], ids=["gray", "beyond its levels"])
@pytest.mark.parametrize("shape", [(61, 83), (61, 83, 3), (61, 83, 4)], ids=str)
def test_gray_picture_is_restored_by_the_network_for_gray(rng, shape, level):
    pixels = np.array(np.broadcast_to(rng.integers(0, 256, (61, 83, 1), np.uint8), (*shape, 1)[:3]))
    pixels = pixels.reshape(shape)
    gray = NetworkRestorer("a", random_network(channels=1, level_range=(5, 70)))
    given = request_of(pixels, level)
    request = replace(given, task=replace(given.task, gray=gray))
    view = checked_box((13, 21, 30, 17), pixels.shape)
    whole = ColourAndGrayRestorer(request.task.model, gray).restore(pixels, level)
    close(ViewRestorer().view(request, view, 1).pixels, whole[view])
    close(ViewRestorer().whole(request, lambda *_: None), whole)
    colour = ViewRestorer().whole(given, lambda *_: None)
    assert (np.abs(whole.astype(int) - colour).max() > 2) == (level < 70)


@pytest.mark.filterwarnings("ignore:level .* outside the range trained on")
@pytest.mark.parametrize("shape", [(61, 83, 4), (40, 50)])
def test_an_engine_shows_what_the_network_shows(rng, shape):
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    view = checked_box((13, 11, 30, 24), shape)
    painting = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (20, 30), dtype=np.uint8)).save(painting, "PNG")
    seen = []
    for engine in ("tensorflow", "openvino"):
        model = open_restorer("denoise_tiny", "denoise", engine=engine)
        task = live_task("a", model, TASKS["denoise"])
        assert task.facts()["paints"]
        picture = OpenPicture("a.png", PictureFile(pixels), None)
        picture.paint(1, painting.getvalue())
        request = Request("id", picture, task, 25.0)
        painted = replace(request, painted=1)
        restoring = ViewRestorer()
        seen.append(
            [
                restoring.view(request, view, 1).pixels,
                restoring.view(request, view, 0.5).pixels,
                restoring.view(painted, view, 1).pixels,
                restoring.view(painted, view, 0.5).pixels,
                restoring.whole(request, lambda *_: None),
            ]
        )
    for theirs, ours in zip(*seen, strict=True):
        close(ours, theirs)
    assert np.abs(seen[0][0].astype(int) - seen[0][2]).max() > 5  # the painting shows
