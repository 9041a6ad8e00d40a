"""Counts of the paper's network, computed by hand from its authors' code."""

import pytest

import keras_hyper
from benchmarks.paper.network_size import network_size
from tests.conftest import random_network


@pytest.mark.parametrize(
    ("blocks", "channels", "stored", "multiply_adds"),
    [
        (16, 3, 2_588_483, 380_016),
        (16, 1, 2_586_177, 378_576),
        (1, 3, 372_803, 103_536),
        (1, 1, 370_497, 102_096),
    ],
)
def test_equals_the_reference(blocks, channels, stored, multiply_adds):
    model = keras_hyper.HyperRes(channels=channels, blocks=blocks)
    model.build()
    size = network_size(model)
    assert (size.stored, size.multiply_adds) == (stored, multiply_adds)
    assert size.generated_multiply_adds == blocks * 18_432
    # Two 3x3 kernels of 64 to 64 channels a block, with their biases.
    assert size.generated == blocks * 2 * (64 * 64 * 9 + 64)
    assert size.one_level == size.stored - size.generated


def test_counts_do_not_depend_on_precision():
    model = random_network()
    assert network_size(model.with_precision("bfloat16")) == network_size(model)
