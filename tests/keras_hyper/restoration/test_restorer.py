import sys
import types

import numpy as np
import pytest

import keras_hyper
from keras_hyper.errors import WrongArgumentError
from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.restoration.restorer import Restorer, open_restorer
from tests.conftest import random_network


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A Keras file, its export, and its export of level 25 alone."""
    folder = tmp_path_factory.mktemp("models")
    random_network().save(folder / "model.keras")
    export_saved_model(random_network(), folder / "served")
    export_saved_model(random_network(), folder / "plain", level=25.0)
    return folder


class CallError(OSError):
    def __init__(self, request_specific):
        super().__init__("refused")
        self.request_specific = request_specific


@pytest.fixture
def clients(monkeypatch):
    """Replaces the client; returns the clients that were made. One inverts pictures."""
    made = []

    class Client:
        takes_level = True

        def __init__(self, address, model, **options):
            if options.get("concurrency") == 0:
                raise ValueError("expected a concurrency of at least 1, got 0")
            self.arguments, self.closed, self.levels = (address, model, options), False, []
            made.append(self)

        def served_model(self):
            return types.SimpleNamespace(channels=3, takes_level=self.takes_level,
                                         card={"task": "denoise", "halo": 9},
                                         level_range=(5, 75))  # fmt: skip

        def restore(self, picture, level, tile, on_tile):
            self.levels.append((level, tile))
            on_tile(1, 1)
            return 255 - picture

        def close(self):
            self.closed = True

    module = types.SimpleNamespace(Client=Client, CallError=CallError)
    monkeypatch.setitem(sys.modules, "keras_hyper.serving.client", module)
    return made


@pytest.mark.parametrize("shape", [(70, 45), (70, 45, 3), (70, 45, 4)])
def test_every_model_file_restores_as_the_network(models, rng, shape):
    picture = rng.integers(0, 256, shape, dtype=np.uint8)
    whole = keras_hyper.restore(picture, 25, random_network()).astype(int)
    for name in ("model.keras", "served", "plain"):
        with open_restorer(str(models / name), "denoise") as restorer:
            tiled = restorer.restore(picture, 25.0, tile=16)
        assert tiled.dtype == np.uint8 and np.abs(tiled.astype(int) - whole).max() <= 1


def test_every_model_file_has_the_facts_of_the_network(models):
    model = random_network()
    for name in ("model.keras", "served"):
        restorer = open_restorer(str(models / name))
        for fact in ("task", "unit", "channels", "halo", "multiple"):
            assert getattr(restorer, fact) == getattr(model, fact)
        assert restorer.level_range == tuple(model.level_range) and restorer.only_level is None
        assert restorer.concurrency == 1 and not restorer.is_fatal(CallError(False))
    assert open_restorer(str(models / "plain")).only_level == 25.0
    assert open_restorer(str(models / "model.keras")).model.channels == 3


def test_a_map_of_levels_needs_a_network(models, rng):
    picture, levels = rng.random((8, 8, 3), dtype="float32"), np.full((8, 8), 25.0)
    network = open_restorer(str(models / "model.keras"))
    by_map, by_level = (network.restore(picture, level) for level in (levels, 25.0))
    np.testing.assert_allclose(by_map, by_level, atol=1e-5)
    with pytest.raises(ValueError, match=r"expected one level for the SavedModel .*, got a map"):
        open_restorer(str(models / "served")).restore(picture, levels)


@pytest.mark.parametrize("name", ["model.keras", "served"])
def test_noise_outside_the_range_is_not_clipped(models, name):
    restorer = open_restorer(str(models / name))
    image = np.full((8, 6, 3), 0.5, np.float32)
    inside = restorer.restore_image(image, 25.0)
    np.testing.assert_allclose(inside, restorer.restore(image, 25.0), atol=1e-6)
    image[0, 0] = 1.4
    beyond = restorer.restore_image(image, 25.0)
    clipped = restorer.restore_image(np.clip(image, 0, 1), 25.0)
    assert beyond.shape == image.shape and np.abs(beyond - clipped).max() > 1e-3


def test_the_identity_of_a_network_changes_with_its_weights_alone(tmp_path):
    model = random_network()
    model.save(tmp_path / "a.keras")
    random_network(name="renamed").save(tmp_path / "b.keras")
    model.set_weights([0.5 * weight for weight in model.get_weights()])
    model.save(tmp_path / "c.keras")
    a, b, c = (open_restorer(str(tmp_path / f"{name}.keras")).identity for name in "abc")
    assert a == b != c and len(a) == 32


def test_the_identity_of_a_saved_model_is_that_of_its_files(models):
    served = open_restorer(str(models / "served"))
    assert served.identity == open_restorer(str(models / "served" / "1")).identity
    assert served.identity != open_restorer(str(models / "plain")).identity


@pytest.mark.parametrize("name", ["model.keras", "served", "host:1"])
def test_a_model_of_another_task_is_refused(models, clients, name):
    name = name if ":" in name else str(models / name)
    with pytest.raises(WrongArgumentError, match="expected a model for sr, got one for denoise"):
        open_restorer(name, "sr")


def test_the_name_of_a_task_is_that_of_the_network_that_ships_for_it():
    restorer = open_restorer("denoise+dejpeg", "denoise+dejpeg")
    assert restorer.name == "denoise_dejpeg"
    np.testing.assert_array_equal(restorer.level_range, [(0, 50), (10, 100)])


def test_a_saved_model_without_images_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(WrongArgumentError, match="expected a SavedModel whose signature"):
        open_restorer(str(tmp_path))


@pytest.mark.parametrize("kind", [OSError, KeyError, IndexError, ValueError, RuntimeError])
def test_a_saved_model_that_cannot_be_opened_is_a_wrong_argument(tmp_path, monkeypatch, kind):
    def fail(version):
        raise kind("first line\n  second")

    monkeypatch.setattr("keras_hyper.export.session.ServingSession", fail)
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(WrongArgumentError, match="takes an `image`, got .*: '?first line"):
        open_restorer(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "address", "model"),
    [
        ("host:8500", "host:8500", "denoise"),
        ("host:8500/a/b", "host:8500", "a/b"),
        ("grpc://10.0.0.1:85/m", "10.0.0.1:85", "m"),
        ("[::1]:8500/m", "[::1]:8500", "m"),
    ],
)
def test_a_server_restores_through_its_client(clients, rng, name, address, model):
    picture = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    with open_restorer(name, "denoise", concurrency=3) as restorer:
        np.testing.assert_array_equal(restorer.restore(picture, 25.0, tile=16), 255 - picture)
        assert (restorer.channels, restorer.halo, restorer.level_range) == (3, 9, (5, 75))
        assert restorer.concurrency == 3 and restorer.identity is None
    (client,) = clients
    assert client.arguments == (address, model, {"concurrency": 3})
    assert client.levels == [(25.0, 16)] and client.closed


def test_a_server_of_one_level_gets_none(clients, monkeypatch):
    monkeypatch.setattr(sys.modules["keras_hyper.serving.client"].Client, "takes_level", False)
    open_restorer("host:1", "denoise").restore(np.zeros((4, 4), np.uint8), 25.0)
    assert clients[0].levels == [(None, 512)]


def test_errors_of_a_server_are_fatal_unless_they_concern_one_request(clients):
    restorer = open_restorer("host:1", "denoise")
    assert restorer.is_fatal(CallError(request_specific=False))
    assert not restorer.is_fatal(CallError(request_specific=True))
    assert not restorer.is_fatal(OSError("no space left"))


def test_a_server_takes_images_in_the_range_alone(clients):
    restorer = open_restorer("host:1", "denoise")
    with pytest.raises(WrongArgumentError, match=r"leaves \[0, 1\], which host:1 does not take"):
        restorer.restore_image(np.full((4, 4, 3), 1.2, np.float32), 25.0)


def test_wrong_options_of_a_server_are_wrong_arguments(clients):
    with pytest.raises(WrongArgumentError, match="at least 1, got 0"):
        open_restorer("host:1", "denoise", concurrency=0)


def test_without_a_card_a_restorer_takes_any_level_and_task():
    restorer = Restorer("bare", 3, {})
    assert restorer.task == "" and restorer.level_range == (0, float("inf"))
    assert restorer.only_level is None and restorer.identity is None


@pytest.mark.parametrize(
    ("low", "high", "tiled"), [(0.0, 1.0, True), (-0.01, 1.0, False), (0.0, 1.01, False)]
)
def test_images_in_the_range_are_restored_in_large_tiles_and_others_as_one_whole(low, high, tiled):
    calls = []

    class Recorder(Restorer):
        def restore(self, picture, level, *, tile=512, on_tile=None):
            calls.append(("restore", level, tile))

        def restore_unclipped(self, image, level):
            calls.append(("restore_unclipped", level, None))

    image = np.linspace(low, high, 48, dtype=np.float32).reshape(4, 4, 3)
    Recorder("recorder", 3, {}).restore_image(image, 25.0)
    assert calls == [("restore", 25.0, 1024) if tiled else ("restore_unclipped", 25.0, None)]


def test_a_card_has_the_facts_of_a_restorer():
    card = {"task": "denoise", "unit": "sigma", "levels_trained_on": [5, 25], "only_level": 5,
            "level_range": [5, 25], "halo": 8, "multiple": 4}  # fmt: skip
    restorer = Restorer("bare", 1, card)
    assert (restorer.task, restorer.unit, restorer.levels) == ("denoise", "sigma", (5, 25))
    assert (restorer.level_range, restorer.only_level) == ((5, 25), 5)
    assert (restorer.halo, restorer.multiple, restorer.facts) == (8, 4, card)
    without = Restorer("bare", 1, {})
    assert (without.halo, without.multiple, without.levels, without.model) == (0, 2, (), None)
    assert without.concurrency == 1 and not without.is_fatal(OSError())


def test_without_a_known_margin_a_picture_is_one_tile(rng):
    shapes = []

    class Identity(Restorer):
        def run(self, image, level):
            shapes.append(image.shape)
            return image

    picture = rng.integers(0, 256, (70, 45, 3), dtype=np.uint8)
    restored = Identity("identity", 3, {}).restore(picture, 5.0, tile=16)
    assert shapes == [(70, 45, 3)]
    np.testing.assert_array_equal(restored, picture)
