import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from pipelines import ESTIMATOR_TASKS, TASKS, get_task, parse_levels, register_task, tasks

WEAKEST = {"denoise": 0.0, "dejpeg": 100.0, "sr": 1.0, "photo": 0.0, "denoise+dejpeg": (0.0, 100.0)}


def test_unknown_name_is_refused_with_the_known_names():
    with pytest.raises(ValueError, match="No task 'sharpen'. Choose one of: denoise, dejpeg, sr"):
        get_task("sharpen")


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("channels", [1, 3])
def test_degrades_a_batch_without_touching_it(name, channels, photo):
    clean = np.stack([photo[:64, :80, :channels], photo[100:164, 100:180, :channels]])
    before = clean.copy()
    task = get_task(name)
    for level in task.levels:
        degraded = task.degrade(clean, tf.constant(level), (0, 1))
        assert degraded.shape == clean.shape and degraded.dtype == tf.float32
        assert 0 <= float(tf.reduce_min(degraded)) <= float(tf.reduce_max(degraded)) <= 1
    np.testing.assert_array_equal(clean, before)


@pytest.mark.parametrize("name", TASKS)
def test_weakest_level_changes_almost_nothing(name, photo):
    clean = photo[None, :64, :64, :1]
    degraded = get_task(name).degrade(clean, tf.constant(WEAKEST[name]), (0, 1))
    assert float(tf.reduce_mean(tf.abs(degraded - clean))) * 255 < 1


@pytest.mark.parametrize("name", TASKS)
def test_levels_span_the_generators_scalar(name):
    task = get_task(name)
    levels = parse_levels(None, task)
    for end, scalar in ((levels.low, -1), (levels.high, 1)):
        found = np.subtract(end, task.level_offset) / task.level_scale
        np.testing.assert_allclose(found, scalar)


@pytest.mark.parametrize(
    ("levels", "multiple"), [((2.0, 3.0, 4.0), 12), ((1.5, 2.0), 6), ((2.37,), 1), ((), 1)]
)
def test_no_picture_to_learn_from_drifts(levels, multiple):
    task = get_task("sr")
    assert task.multiple(levels) == multiple
    for level in levels if multiple > 1 else ():
        assert (5 * multiple / level).is_integer()


@pytest.mark.parametrize(
    ("name", "level"),
    [("denoise", -1), ("dejpeg", 0), ("dejpeg", 101), ("sr", 0.9), ("sr", 9)]
    + [(name, float("nan")) for name in TASKS],
)
def test_level_outside_any_sense_is_refused(name, level):
    with pytest.raises(
        ValueError, match=rf"task {re.escape(name)}: expected a level .*, got {level:g}"
    ):
        get_task(name).check_level(level)


@pytest.mark.parametrize("name", ["dejpeg", "sr"])
def test_whole_pictures_and_batches_are_degraded_alike(name, photo):
    task = get_task(name)
    picture = photo[:96, :96, :1]  # sides that every level of super-resolution divides
    for level in task.levels:
        whole = task.degrade_for_benchmark(picture, level)
        batch = task.degrade(picture[None], tf.constant(level), (0, 1))[0]
        np.testing.assert_allclose(batch, whole, atol=1 / 255 + 1e-6)


def test_a_name_that_is_taken_or_another_object_is_an_error():
    with pytest.raises(ValueError, match="task 'denoise' is registered already"):
        register_task(dataclasses.replace(get_task("sr"), name="denoise"))
    with pytest.raises(TypeError, match="expected a Task or an EstimatorTask, got 'deblur'"):
        register_task("deblur")


def test_a_degradation_is_traced_without_a_warning(caplog):
    # A row imports its function at the first call, which may be inside of a graph.
    row = tasks._degradation("noise", "add_gaussian_noise")
    noisy = tf.function(lambda image: row(image, 25.0, (1, 2)))(tf.zeros((1, 8, 8, 1)))
    assert noisy.shape == (1, 8, 8, 1) and not caplog.records


def test_noise_comes_before_jpeg(photo):
    image = photo[None, :64, :64]
    both = get_task("denoise+dejpeg")
    noise = get_task("denoise").protocols[1].degrade(image[0], 25.0, (1, 2))
    for degrade in (both.protocols[0].degrade, both.degrade_picture):
        found = degrade(image[0], (25.0, 30.0), (1, 2))
        expected = get_task("dejpeg").degrade_for_benchmark(noise, 30.0)
        assert np.abs(found - expected).mean() * 255 < 0.1


def test_facts_that_the_documents_state():
    # A block of subsampled chroma is 16 pixels wide.
    assert TASKS["dejpeg"].margin == TASKS["denoise+dejpeg"].margin == 16
    # docs/photographs.md: estimates below 1.5 are left as they are; the third lowest of nine crops.
    assert (TASKS["photo"].estimator_limit, TASKS["photo"].automatic) == (1.5, 3.5)
    assert ESTIMATOR_TASKS["estimate-photo"].network["rank"] == 2
