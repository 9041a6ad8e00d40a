import dataclasses

import numpy as np
import pytest

from pipelines import ESTIMATOR_TASKS, TASKS, AxesTask, EstimatorTask, LevelAxis, Task


def row(**changes):
    facts = {
        "name": "dim", "degrade": lambda image, level, seed: image * (1 - level), "unit": "share",
        "minimum": 0.0, "maximum": 1.0, "levels": (0.25, 0.5), "level_offset": 0.5,
        "level_scale": 0.25,
    }  # fmt: skip
    return Task(**{**facts, **changes})


def test_missing_fields_are_derived_from_the_others():
    task = row()
    assert (task.title, task.label, task.all_levels) == ("dim", "share", (0.25, 0.5))
    assert row(levels=("0:1",)).all_levels == (0.125, 0.375, 0.625, 0.875)
    (protocol,) = task.protocols
    assert protocol.name == "plain" and protocol.levels == (0.25, 0.5)
    assert task.multiple((0.25, 0.5)) == 1 and task.gray == 0.2
    assert task.luma_differs is False and task.automatic is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": " "}, "task 'dim': expected `unit` to be text, got ' '"),
        ({"name": ""}, "expected `name` to be text, got ''"),
        ({"degrade": None}, "task 'dim': expected `degrade` to be a function, got None"),
        ({"levels": ()}, "expected `levels` and `minimum` below `maximum`"),
        ({"minimum": 1.0}, "expected `levels` and `minimum` below `maximum`"),
        ({"levels": (0.5, 2.0)}, "from 0 to 1, got 2"),
        ({"level_scale": 0}, "task dim: expected `level_scale` above 0, got 0"),
    ],
)
def test_an_incomplete_row_is_an_error(changes, message):
    with pytest.raises(ValueError, match=message):
        row(**changes)


def test_a_row_without_a_required_field_is_an_error():
    with pytest.raises(TypeError, match="unit"):
        Task(name="dim")


def test_the_plain_protocol_takes_the_reference_implementation(photo):
    clean = photo[:8, :8]
    plain = row().protocols[0]
    np.testing.assert_allclose(plain.degrade(clean, 0.25, (0, 0)), clean * 0.75, rtol=1e-6)
    reference = row(degrade_for_benchmark=lambda picture, level: picture * level).protocols[0]
    np.testing.assert_allclose(reference.degrade(clean, 0.25, (0, 0)), clean * 0.25, rtol=1e-6)


@pytest.mark.parametrize("name", ["denoise", "dejpeg"])
@pytest.mark.parametrize("level", [1.0, 20.0, 75.0, 100.0])
def test_a_shrunk_picture_has_a_weaker_degradation(name, level):
    task = TASKS[name]
    assert task.scaled_level(level, 1.0) == pytest.approx(level)
    weaker = task.scaled_level(level, 0.5)
    assert weaker >= level if name == "dejpeg" else weaker == level / 2
    levels = task.scaled_level(np.full((2, 3), level), 0.5)
    np.testing.assert_allclose(levels, np.full((2, 3), weaker))


def test_half_the_quantisation_steps_are_libjpegs_quality():
    # 5000 / 25 = 200 per cent of the table's steps; half of it is 100, which is quality 50.
    assert TASKS["dejpeg"].scaled_level(25.0, 0.5) == pytest.approx(50)
    assert row().scaled_level(0.25, 0.5) == 0.25


def test_an_estimator_has_the_unit_of_its_task():
    estimator = ESTIMATOR_TASKS["estimate-quality"]
    assert (estimator.unit, estimator.minimum, estimator.maximum) == ("JPEG quality", 1, 100)
    assert estimator.of is TASKS["dejpeg"] and estimator.objective == "estimate"
    other = EstimatorTask(name="e", of=row(), degrade=row().degrade, levels=("0:1",))
    assert dataclasses.replace(other, name="f").unit == "share"
    with pytest.raises(ValueError, match="expected `axis` of '', got 'noise'"):
        dataclasses.replace(other, axis="noise")


def test_an_estimator_of_an_axis_learns_its_level_alone():
    both = TASKS["denoise+dejpeg"]
    task = EstimatorTask(name="e", of=both, axis="jpeg", degrade=both.degrade)
    assert (task.unit, task.axes) == ("JPEG quality", both.axes)
    level = np.array([[[15, 40], [5, 80]]])
    np.testing.assert_array_equal(task.target({"level": level}, None), [[40, 80]])
    assert dataclasses.replace(task, gray=0.5).unit == "JPEG quality"
    with pytest.raises(ValueError, match="'e': expected `axis` of 'noise' or 'jpeg', got ''"):
        dataclasses.replace(task, axis="")


def axis(name="gain", **changes):
    facts = {"unit": "share", "minimum": 0.0, "maximum": 1.0, "levels": ("0:0.5",)}
    return LevelAxis(name=name, **{**facts, **changes})


def test_facts_of_a_task_of_several_axes_are_those_of_the_axes():
    task = AxesTask(name="t", degrade=row().degrade, axes=(axis(), axis("hue", maximum=3.0)))
    assert task.unit == "gain: share, hue: share" and task.maximum == (1.0, 3.0)
    assert task.level_offset == task.level_scale == (0.25, 0.25)
    assert dataclasses.replace(task, gray=0.5).label == "gain and hue"
    assert task.check_level([0.5, 2]) == (0.5, 2.0)
    with pytest.raises(ValueError, match="a level for each of gain, hue, got 0.5"):
        task.check_level(0.5)
    with pytest.raises(
        ValueError, match=r"axis gain: expected a level \(share\) from 0 to 1, got 2"
    ):
        task.check_level((2, 0))
    for axes in ((), (axis(),), (axis(), axis())):
        with pytest.raises(ValueError, match="task 't': expected two axes or more, got"):
            AxesTask(name="t", degrade=row().degrade, axes=axes)
