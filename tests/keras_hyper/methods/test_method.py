import pytest

from keras_hyper.layers import HyperConv2D
from keras_hyper.methods.method import SCHEDULES, Method
from keras_hyper.methods.network import METHODS


def test_defaults_are_those_of_hyperres():
    method = Method()
    conv = method.conv_at("conv1", 8, 3, name="one")
    assert type(conv) is HyperConv2D and (conv.filters, conv.name) == (8, "one")
    assert method.block_at(1, 8, 4) is None and method.halo(4) == 0


def test_options_are_those_of_every_convolution():
    assert Method(use_bias=False).conv_at("conv1", 8, 3).use_bias is False


@pytest.mark.parametrize("name", METHODS)
def test_stages_of_a_method_are_a_whole_training(name):
    method = METHODS[name]
    assert sum(stage.share for stage in method.stages) == pytest.approx(1)
    assert {stage.trains for stage in method.stages} <= {"all", "tuning", "main"}
    assert not set(method.tuning) & set(method.fixed)


@pytest.mark.parametrize("name", SCHEDULES)
def test_stages_of_a_schedule_are_a_whole_training(name):
    assert sum(stage.share for stage in SCHEDULES[name]) == 1
