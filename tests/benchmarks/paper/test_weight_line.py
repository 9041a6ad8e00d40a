import argparse

import numpy as np
import pytest

from benchmarks.paper import weight_line
from tests.conftest import random_network


def arguments(*words):
    parser = argparse.ArgumentParser()
    weight_line.add_arguments(parser)
    return parser.parse_args(words)


def test_one_direction_explains_a_line_and_not_a_triangle():
    line = [np.array([1.0, 2, 3]) * factor for factor in (0, 1, 4, 9)]
    plane = weight_line.Plane(line)
    places = plane.places([*line, np.array([2.0, 4, 6])])
    assert plane.shares[0] == pytest.approx(1) and np.abs(places[:, 1]).max() < 1e-6
    distance = np.linalg.norm(places[3] - places[0])
    assert distance == pytest.approx(9 * 14**0.5)
    # Another point of the line lies between those that the plane was found from.
    assert np.linalg.norm(places[4] - places[1]) == pytest.approx(14**0.5)
    assert weight_line.Plane(np.eye(3)).shares[0] == pytest.approx(0.5)


def test_generated_weights_are_a_line(tmp_path, capsys, rng):
    pytest.importorskip("matplotlib", reason="plots need the extra `report`")
    names, others = [], []
    for level in (5, 25, 75):
        # The same random weights, generated at three levels, and three of different starts.
        model = random_network(filters=4, level_range=(level, level))
        model.save(tmp_path / f"{level}.keras")
        names.append(str(tmp_path / f"{level}.keras"))
        other = random_network(filters=4, level_range=(level, level))
        other.set_weights([w + rng.normal(size=w.shape) for w in other.get_weights()])
        other.save(tmp_path / f"other{level}.keras")
        others.append(str(tmp_path / f"other{level}.keras"))
    words = ["--models", *names, "--others", *others, "--generated", names[0]]
    weight_line.job(arguments(*words, "--plot", str(tmp_path / "line.svg")))
    one, different = capsys.readouterr().out.splitlines()
    assert one == "one start: first direction 100.0%, second 0.0% of the variance"
    share = float(different.removeprefix("different starts: first direction ").split("%")[0])
    assert 50 <= share < 80
    assert "</svg>" in (tmp_path / "line.svg").read_text()


def test_fewer_than_three_networks_are_refused():
    with pytest.raises(ValueError, match="expected 3 networks or more, got 1"):
        weight_line.job(arguments("--models", "denoise_tiny"))
