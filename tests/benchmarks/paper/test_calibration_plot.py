import pytest

from benchmarks.paper.calibration_plot import calibration_plot

ROWS = [
    {"picture": name, "level": level, "best": level + shift}
    for level in (5.0, 25.0)
    for name, shift in (("a", 1.0), ("b", 3.0))
]


def test_bars_are_the_true_level_and_the_mean_best_level():
    plot = calibration_plot([{"task": "denoise", "data": "CBSD68", "rows": ROWS}])
    heights = [bar.get_height() for bar in plot.figure.axes[0].patches]
    assert heights == [5.0, 25.0, 7.0, 27.0]


def test_calibration_without_clean_pictures_is_refused():
    rows = [{"picture": "a", "level": 20.0, "least_risk": 21.0}]
    with pytest.raises(ValueError, match=r"`level` and `best`.*least_risk"):
        calibration_plot([{"task": "denoise", "data": "photos", "rows": rows}])
