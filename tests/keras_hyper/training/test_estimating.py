import keras
import numpy as np
import pytest
from keras import ops
from scipy.fft import idctn

from keras_hyper.training.estimating import (
    TRIED,
    LevelError,
    LevelLost,
    LogLevelLoss,
    RestorationLoss,
    costs_of_restoring,
    first_probes,
    level_errors,
    levels_lost,
    lost_by,
    mean_and_error,
)


def test_an_error_counts_for_more_at_weak_levels():
    true = np.float32([[15.0, 75.0]])
    loss = LogLevelLoss()
    weak, strong = (float(loss(true, true + np.float32([off]))) for off in ([1, 0], [0, 1]))
    # Worked out by hand: log(32 / 31) / 2 and log(92 / 91) / 2.
    assert weak == pytest.approx(np.log(32 / 31) / 2, rel=1e-4)
    assert strong == pytest.approx(np.log(92 / 91) / 2, rel=1e-4)
    assert float(loss(true, true)) == 0
    # One number for each of two patches.
    off = np.float32([[16.0, 75.0], [17.0, 75.0]])
    each = np.asarray(loss.call(np.repeat(true, 2, axis=0), off))
    np.testing.assert_allclose(each, [np.log(32 / 31) / 2, np.log(33 / 31) / 2], rtol=1e-4)


def test_errors_are_of_one_level_each():
    first, second = level_errors(["5", "25"])
    assert (first.name, second.name) == ("error_5", "error_25")
    true = np.float32([[5, 25], [5, 25]])
    for metric in (first, second):
        metric.update_state(true, true + np.float32([[1, -4], [3, 0]]))
    assert [float(ops.convert_to_numpy(metric.result())) for metric in (first, second)] == [2, 2]
    assert LevelError.from_config(second.get_config()).index == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_probes_start_as_high_passes_of_norm_one(channels):
    kernels = first_probes(channels, 32)
    assert kernels.shape == (6, 6, channels, 32)
    np.testing.assert_allclose((kernels**2).sum(axis=(0, 1, 2)), 1, rtol=1e-6)
    np.testing.assert_allclose(kernels.sum(axis=(0, 1)), 0, atol=1e-6)
    # The probes of the luma answer to gray in three equal channels as to gray alone.
    gray = first_probes(1, 32)[:, :, 0, :28]
    total = first_probes(3, 32).sum(axis=2)[..., :28]
    np.testing.assert_allclose(total / np.linalg.norm(total, axis=(0, 1)), gray, atol=1e-6)


def derivative(order, at):
    """Six taps: a difference of neighbours `order` times over, from tap `at` on."""
    taps = np.zeros(6)
    taps[at : at + order + 1] = np.poly(np.ones(order))
    return taps


def test_probes_are_differences_of_neighbours_then_cosines():
    differences = [derivative(order, at) for order, at in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1))]
    along = [np.eye(6)[2], np.ones(6)]  # one row, or the mean of all
    planes = [np.outer(taps, row) for taps in differences for row in along]
    planes += [plane.T for plane in planes]
    planes += [np.outer(differences[i], differences[i]) for i in (0, 1, 2, 4)]
    for frequency in [(5, 5), (3, 3), (1, 1), (3, 5), (5, 3), (1, 0), (0, 1), (2, 2)]:
        coefficients = np.zeros((6, 6))
        coefficients[frequency] = 1
        planes.append(idctn(coefficients))
    expected = np.stack([plane / np.linalg.norm(plane) for plane in planes], axis=-1)
    assert expected.shape == (6, 6, 32)
    # A difference and its negative are the same probe: its energy counts.
    found = first_probes(1, 34)[:, :, 0]
    signs = np.sign((found[..., :32] * expected).sum(axis=(0, 1)))
    np.testing.assert_allclose(found[..., :32] * signs, expected, atol=1e-6)
    np.testing.assert_array_equal(found[..., 32:], found[..., :2])  # more than 32 begin again


def test_the_last_probes_act_on_differences_of_colours():
    kernels = first_probes(3, 32)
    for probe, (plus, minus) in zip(range(28, 32), [(0, 1), (2, 1)] * 2, strict=True):
        colours = kernels[..., probe]
        (rest,) = {0, 1, 2} - {plus, minus}
        np.testing.assert_allclose(colours[..., plus], -colours[..., minus], atol=1e-7)
        assert np.abs(colours[..., plus]).max() > 0 and not colours[..., rest].any()


def test_loss_and_metric_are_registered_for_checkpoints():
    for name in ("LogLevelLoss", "LevelError"):
        assert keras.saving.get_registered_object(f"keras_hyper>{name}") is not None


def test_errors_of_both_signs_add_up():
    class Pairs:
        def as_numpy_iterator(self):
            image = np.float32([[1.0, 10.0], [7.0, 14.0]])[:, :, None, None, None]
            yield {"image": image, "level": np.float32([[5, 12], [5, 12]])}, None

    rows = mean_and_error(lambda image: image[:, 0, 0, 0], Pairs())
    # Estimates 1 and 7 of level 5, 10 and 14 of level 12.
    assert rows == [
        {"level": 5, "estimate": 4, "error": 3},
        {"level": 12, "estimate": 12, "error": 2},
    ]


def test_costs_are_those_of_restoring_at_each_level():
    clean = np.full((2, 4, 4, 1), 0.5, np.float32)
    image = np.stack([clean + 0.1, clean + 0.2], axis=1)

    def restorer(inputs):  # leaves an error of a hundredth of the level
        return inputs["image"] * 0.0 + 0.5 + inputs["level"] / 100.0

    costs = costs_of_restoring(restorer)({"image": image}, clean)
    errors = np.array([[0.1, *(TRIED[1:] / 100)], [0.2, *(TRIED[1:] / 100)]])
    expected = 10 * np.log10((255 * errors) ** 2 + 0.25)
    np.testing.assert_allclose(costs, [expected, expected], rtol=1e-4)


def test_what_a_level_loses_is_interpolated_between_those_tried():
    costs = np.float32([9.0, 4.0, 1.0, 2.0, 5.0, 8.0, 11.0])
    for level, cost in zip(TRIED, costs, strict=True):
        assert float(lost_by(costs, np.float32(level))) == pytest.approx(cost - 1, abs=1e-4)
    # Between 1.0 and 2.0 by Keys: (-4 + 9 * 1 + 9 * 2 - 5) / 16.
    middle = np.float32(np.expm1(0.55 * 2.5))
    assert float(lost_by(costs, middle)) == pytest.approx(18 / 16 - 1, abs=1e-4)
    # At both ends the next one is on the line through the last two: here 14, 9, 4, 1 and 5 to 14.
    for middle, expected in ((0.5, (-14 + 9 * 9 + 9 * 4 - 1) / 16), (5.5, 9.5)):
        level = np.float32(np.expm1(0.55 * middle))
        assert float(lost_by(costs, level)) == pytest.approx(expected - 1, abs=1e-4)
    far = [float(lost_by(costs, np.float32(level))) for level in (TRIED[-1], 40.0, 80.0)]
    assert far == sorted(far) and far[0] < far[1] < far[2]
    assert float(lost_by(costs, np.float32(-2.0))) == pytest.approx(9 - 1 + 2, abs=1e-4)


def test_the_loss_is_the_mean_of_what_each_estimate_loses():
    costs = np.float32([[[9, 4, 1, 2, 5, 8, 11], [0, 1, 2, 3, 4, 5, 6]]])
    levels = TRIED[None, [4, 2]]
    assert float(RestorationLoss()(costs, levels)) == pytest.approx((4 + 2) / 2, abs=1e-4)
    first, second = levels_lost(["0-5", "5-10"])
    assert (first.name, second.name) == ("lost_0-5", "lost_5-10")
    second.update_state(costs, levels)
    assert float(ops.convert_to_numpy(second.result())) == pytest.approx(2, abs=1e-4)
    assert LevelLost.from_config(second.get_config()).index == 1
