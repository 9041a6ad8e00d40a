"""LPIPS; a small stand-in replaces the package, which downloads weights at first use."""

import sys
import types

import numpy as np
import pytest

from keras_hyper.metrics import lpips, lpips_network


@pytest.fixture(autouse=True)
def forget():
    lpips_network.cache_clear()
    yield
    lpips_network.cache_clear()


def test_missing_package_is_a_one_line_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(ValueError, match=r"expected the package lpips.*'\.\[lpips\]'"):
        lpips(np.zeros((1, 16, 16, 3)), np.zeros((1, 16, 16, 3)))


def test_pictures_are_scaled_for_lpips(monkeypatch, rng):
    pytest.importorskip("torch", reason="LPIPS runs on PyTorch")
    seen = []

    class Distance:
        def __init__(self, net, verbose):
            self.net = net

        def eval(self):
            return self

        def __call__(self, first, second):
            seen.append((self.net, first, second))
            return ((first - second) ** 2).mean(dim=(1, 2, 3), keepdim=True)

    monkeypatch.setitem(sys.modules, "lpips", types.SimpleNamespace(LPIPS=Distance))
    white, gray = np.full((2, 34, 31, 1), 255.0), np.full((2, 34, 31, 1), 127.5)
    # On its scale of -1..1 they are 1 apart.
    np.testing.assert_allclose(lpips(white, gray, peak=255.0, net="alex"), [1.0, 1.0])
    net, first, second = seen[0]
    assert net == "alex" and first.shape == second.shape == (2, 3, 34, 31)
    assert float(first.min()) == 1.0 and float(second.max()) == 0.0


def test_failed_download_of_weights_is_a_one_line_error(monkeypatch):
    pytest.importorskip("torch", reason="LPIPS runs on PyTorch")

    def unreachable(net, verbose):
        raise OSError("no such host")

    monkeypatch.setitem(sys.modules, "lpips", types.SimpleNamespace(LPIPS=unreachable))
    with pytest.raises(ValueError, match=r"weights of vgg in /.*checkpoints, got .*no such host"):
        lpips_network()


@pytest.mark.parametrize(("net", "side"), [("vgg", 15), ("alex", 30)])
def test_small_pictures_are_refused_by_lpips(net, side):
    small = np.zeros((1, 40, side, 3))
    with pytest.raises(ValueError, match=rf"{side + 1} pixels or more, got {side}x40"):
        lpips(small, small, net=net)
