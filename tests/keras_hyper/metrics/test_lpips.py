"""The package `lpips` fetches weights at its first use, so tests put a small one in its place."""

import sys
import types

import numpy as np
import pytest

from keras_hyper.metrics import lpips
from keras_hyper.metrics.lpips import _network


@pytest.fixture(autouse=True)
def forget():
    _network.cache_clear()
    yield
    _network.cache_clear()


def test_one_line_says_which_package_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(ValueError, match=r"needs the package lpips.*'\.\[lpips\]'"):
        lpips(np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 8, 3)))


def test_pictures_reach_it_as_it_wants_them(monkeypatch, rng):
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
    white, gray = np.full((2, 8, 6, 1), 255.0), np.full((2, 8, 6, 1), 127.5)
    # On its scale of -1..1 they are 1 apart.
    np.testing.assert_allclose(lpips(white, gray, peak=255.0, net="alex"), [1.0, 1.0])
    net, first, second = seen[0]
    assert net == "alex" and first.shape == second.shape == (2, 3, 8, 6)
    assert float(first.min()) == 1.0 and float(second.max()) == 0.0
