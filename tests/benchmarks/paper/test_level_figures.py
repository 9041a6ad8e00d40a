import pytest

from benchmarks.paper.level_figures import level_figures, over_levels


def test_errors_computed_by_hand():
    row = level_figures(20.0, [19.0, 20.5, 23.0, 26.0])
    assert row["bias"] == pytest.approx(2.125) and row["mean"] == pytest.approx(22.125)
    assert row["error"] == pytest.approx((1 + 0.5 + 3 + 6) / 4)
    assert (row["within_1"], row["within_2"], row["within_5"]) == (0.5, 0.5, 0.75)
    assert row["relative"] == pytest.approx(1 - 2.625 / 20)


def test_means_are_over_the_requested_levels():
    rows = [level_figures(level, [level + off]) for level, off in ((5, 1), (15, 3), (75, 5))]
    assert over_levels(rows)["error"] == pytest.approx(3)
    assert over_levels(rows, 15, 75)["error"] == pytest.approx(4)
    with pytest.raises(ValueError, match="expected levels between 80 and 90"):
        over_levels(rows, 80, 90)
