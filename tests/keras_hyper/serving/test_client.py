"""The client against a small servicer: what comes back is what the network here gives."""

import numpy as np
import pytest

import keras_hyper
from keras_hyper.export import export_saved_model
from keras_hyper.serving import Client
from keras_hyper.serving_session import ServingSession
from tests.conftest import random_network
from tests.keras_hyper.serving.small_servicer import SmallServicer, serving


@pytest.fixture(scope="module")
def colour():
    return random_network(blocks=2)


@pytest.fixture(scope="module")
def session(colour, tmp_path_factory):
    with ServingSession(export_saved_model(colour, tmp_path_factory.mktemp("denoise"))) as session:
        yield session


@pytest.fixture
def servicer(session):
    return SmallServicer({1: session})


@pytest.fixture
def client(servicer):
    with serving(servicer) as address, Client(address, "denoise") as client:
        yield client


def test_a_picture_comes_back_as_from_the_network_here(client, colour, rng):
    picture = rng.integers(0, 256, (30, 41, 3), dtype=np.uint8)
    np.testing.assert_array_equal(
        client.restore(picture, 25), keras_hyper.restore(picture, 25, colour)
    )
