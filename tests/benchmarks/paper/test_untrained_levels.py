import numpy as np
import pytest

from benchmarks.paper.untrained_levels import below_the_curve

LEVELS = (5, 10, 15, 20, 25, 30, 35, 40)


def rows(dips=()):
    def psnr(level):
        # Smooth over the logarithm of the level, as PSNR is.
        return 50 - 7 * np.log(level) + 0.3 * np.log(level) ** 2 - dict(dips).get(level, 0)

    return [{"level": level, "psnr_before": 20.0, "psnr_after": psnr(level)} for level in LEVELS]


def test_no_level_is_below_a_smooth_curve():
    found = below_the_curve(rows(), trained=(5, 40))
    assert [row["level"] for row in found] == [10, 15, 20, 25, 30, 35]
    assert max(abs(row["below"]) for row in found) < 1e-9


@pytest.mark.parametrize("level", [5, 10, 25, 40])
def test_lowered_level_is_below_the_curve_by_that_amount(level):
    found = below_the_curve(
        rows([(level, 0.2)]), trained=[other for other in LEVELS if other != level]
    )
    assert [row["level"] for row in found] == [level]
    assert found[0]["below"] == pytest.approx(0.2)


def test_distance_of_the_degraded_pictures_below_their_curve_is_reported():
    dipping = rows([(25, 0.2)])
    dipping[4]["psnr_before"] -= 0.15
    (row,) = below_the_curve(dipping, trained=[level for level in LEVELS if level != 25])
    assert row["before"] == pytest.approx(0.15) and row["below"] == pytest.approx(0.2)


def test_level_0_is_not_compared_with_a_curve():
    nothing = {"level": 0, "psnr_before": 100.0, "psnr_after": 71.0}
    assert below_the_curve([nothing, *rows()], (0, 5)) == below_the_curve(rows(), (0, 5))


def test_too_few_levels_are_refused():
    with pytest.raises(ValueError, match="expected at least seven levels, got 6"):
        below_the_curve(rows()[:6], trained=())
