import grpc
import numpy as np
import pytest

from keras_hyper.restoration import gray
from keras_hyper.restoration.gray import ColourAndGrayRestorer, open_networks
from keras_hyper.restoration.restorer import Restorer
from keras_hyper.serving.client import CallError
from pipelines.degradations.jpeg import compress_jpeg_libjpeg

CARD = {"task": "dejpeg", "unit": "JPEG quality", "halo": 4, "multiple": 2}


class Brighter(Restorer):
    """Adds a number to each sample."""

    def __init__(self, channels, added, level_range):
        super().__init__("brighter", channels, {**CARD, "level_range": level_range})
        self.added = added

    def run(self, image, level):
        assert image.shape[-1] == self.channels
        return image + self.added


@pytest.fixture
def both():
    return ColourAndGrayRestorer(Brighter(3, 10 / 255, (5, 95)), Brighter(1, 20 / 255, (10, 80)))


def picture(channels, dtype=np.uint8):
    pixels = np.random.default_rng(0).integers(0, 200, (20, 30, 4)).astype(dtype)
    if channels in (3, 4):
        pixels[..., 1] = pixels[..., 2] = pixels[..., 0]
    return pixels[..., :channels] if channels else pixels[..., 0]


@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
def test_gray_pictures_of_any_kind_go_through_the_gray_network(both, channels):
    before = picture(channels)
    after = both.restore(before, 40)
    assert after.shape == before.shape and after.dtype == before.dtype
    colours = {2: 1, 4: 3}.get(channels, channels)
    if channels in (2, 4):
        np.testing.assert_array_equal(after[..., -1], before[..., -1])
        before, after = before[..., :colours], after[..., :colours]
    np.testing.assert_array_equal(after, before + 20)


def test_colour_and_levels_that_the_gray_network_does_not_know_go_through_the_other(both):
    colour = picture(3)
    colour[3, 4, 1] += 1
    np.testing.assert_array_equal(both.restore(colour, 40), colour + 10)
    np.testing.assert_array_equal(both.restore(picture(3), 90), picture(3) + 10)
    map_of_levels = np.full((20, 30), 40.0, np.float32)
    map_of_levels[0] = 90
    np.testing.assert_array_equal(both.restore(picture(3), map_of_levels), picture(3) + 10)


def test_a_gray_photograph_of_jpeg_is_restored_better_than_by_the_colour_network(photo):
    clean = photo.mean(axis=-1, keepdims=True).astype(np.float32)
    degraded = compress_jpeg_libjpeg(clean, 20.0)
    networks = open_networks("dejpeg")
    errors = [
        np.square(network.restore(degraded, 20.0) - clean).mean()
        for network in (networks, networks.colour)
    ]
    assert errors[0] < 0.995 * errors[1]
    assert open_networks("dejpeg", "dejpeg").channels == 3
    assert not isinstance(open_networks("dejpeg", "dejpeg"), ColourAndGrayRestorer)


def served(monkeypatch, names):
    """A server that serves these models; returns what was opened."""
    opened = []

    def open_one(name, task, **options):
        if name not in names:
            raise CallError(name, grpc.StatusCode.NOT_FOUND, "Servable not found")
        opened.append(name)
        return Restorer(name, 1 if name.endswith("gray") else 3, {**CARD, "level_range": (5, 95)})

    monkeypatch.setattr(gray, "open_restorer", open_one)
    return opened


def test_a_server_restores_gray_by_its_gray_model_if_it_serves_one(monkeypatch):
    opened = served(monkeypatch, ["h:1/denoise", "h:1/denoise_gray", "h:1/own"])
    both = gray.open_served("h:1", "denoise")
    assert isinstance(both, ColourAndGrayRestorer) and (both.channels, both.gray.channels) == (3, 1)
    assert not isinstance(gray.open_served("h:1", "denoise", "own"), ColourAndGrayRestorer)
    assert opened == ["h:1/denoise", "h:1/denoise_gray", "h:1/own"]
    served(monkeypatch, ["h:1/denoise"])
    assert not isinstance(gray.open_served("h:1", "denoise"), ColourAndGrayRestorer)
    with pytest.raises(CallError, match="NOT_FOUND"):
        gray.open_served("h:1", "photo")


def test_other_failures_of_the_gray_model_are_raised(monkeypatch):
    def open_one(name, task, **options):
        if name.endswith("gray"):
            raise CallError(name, grpc.StatusCode.UNAVAILABLE, "gone")
        return Restorer(name, 3, {**CARD, "level_range": (5, 95)})

    monkeypatch.setattr(gray, "open_restorer", open_one)
    with pytest.raises(CallError, match="gone"):
        gray.open_served("h:1", "denoise")


def test_a_failed_server_is_fatal_for_both():
    class Served(Restorer):
        def is_fatal(self, error):
            return str(error) == self.name

    both = ColourAndGrayRestorer(
        Served("a", 3, {**CARD, "level_range": (5, 95)}),
        Served("b", 1, {**CARD, "level_range": (5, 95)}),
    )
    assert [both.is_fatal(ValueError(name)) for name in "abc"] == [True, True, False]
