import argparse

import numpy as np
import pytest

from benchmarks.paper import weight_line
from tests.conftest import random_network


def test_one_direction_explains_a_line_and_not_a_triangle():
    line = [np.array([1.0, 2, 3]) * factor for factor in (0, 1, 4, 9)]
    shares, places = weight_line.explained(line)
    assert shares[0] == pytest.approx(1) and np.abs(places[:, 1]).max() < 1e-6
    distance = np.linalg.norm(places[3] - places[0])
    assert distance == pytest.approx(9 * 14**0.5)
    shares, _ = weight_line.explained(np.eye(3))
    assert shares[0] == pytest.approx(0.5)


def test_generated_weights_are_a_line(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="plots need the extra `report`")
    names = []
    for level in (5, 25, 75):
        model = random_network(filters=4, level_range=(level, level))
        model.save(tmp_path / f"{level}.keras")
        names.append(str(tmp_path / f"{level}.keras"))
    args = argparse.Namespace(models=names, generated=names[0], plot=tmp_path / "line.svg")
    weight_line.job(args)
    # All three are one network here, so their weights are on its line.
    said = capsys.readouterr().out
    assert "first direction 100.0%, second 0.0%" in said and "generated weights" in said
    assert "</svg>" in args.plot.read_text()


def test_fewer_than_three_networks_are_refused():
    with pytest.raises(ValueError, match="expected 3 networks or more, got 0"):
        weight_line.job(argparse.Namespace(models=[], generated=None, plot=None))
