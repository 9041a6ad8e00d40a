import numpy as np
import pytest
from keras import ops

from keras_hyper.training.estimating import (
    LevelError,
    LogLevelLoss,
    first_probes,
    level_errors,
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
