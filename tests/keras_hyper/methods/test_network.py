import pytest

from keras_hyper.methods import MethodRes
from tests.keras_hyper.methods.vectors import random_network


def test_a_stage_trains_its_variables_only(rng):
    network = random_network("adafm", rng)
    network.select_stage(1)
    assert {v.name for v in network.trainable_variables} == {"gain", "shift"}
    network.select_stage(0)
    assert {v.name for v in network.trainable_variables} == {"kernel", "bias"}


def test_schedule_replaces_the_stages_of_the_method(rng):
    network = random_network("adafm", rng, schedule="joint")
    network.select_stage(0)
    assert len(network.stages) == 1 and len(network.trainable_variables) == len(network.weights)
    assert MethodRes.from_config(network.get_config()).schedule == "joint"


def test_wider_modulation_needs_a_wider_margin(rng):
    plain, wide = (random_network("adafm", rng, options={"modulation": k}) for k in (1, 5))
    assert wide.halo - plain.halo == 12  # 2 pixels after 3 convolutions, at half resolution


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "other"}, "expected a `method` of hyperres, .*, got 'other'"),
        ({"schedule": "x"}, "expected a `schedule` of joint, ends, got 'x'"),
    ],
)
def test_unknown_names_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MethodRes(**arguments)
