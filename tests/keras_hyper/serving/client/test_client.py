"""The client with a small servicer; results equal those of the local network."""

import subprocess
import sys
import threading
import time

import grpc
import numpy as np
import pytest
import trustme

import keras_hyper
from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.export.session import ServingSession
from keras_hyper.serving.client import CallError, Client, tls
from tests.conftest import ROOT, random_network
from tests.keras_hyper.serving.fake_server import FakeServer, serving


def session_of(model, folder, **kwargs):
    return ServingSession(export_saved_model(model, folder, **kwargs))


@pytest.fixture(scope="module")
def colour():
    return random_network()


@pytest.fixture(scope="module")
def gray():
    return random_network(channels=1)


@pytest.fixture(scope="module")
def session(colour, tmp_path_factory):
    with session_of(colour, tmp_path_factory.mktemp("colour")) as session:
        yield session


class OtherSession:
    """Another version, which returns negatives."""

    def __init__(self, session):
        self.session = session
        self.signatures = session.signatures

    def predict(self, signature, inputs):
        outputs = self.session.predict(signature, inputs)
        return {
            name: 255 - value if name == "restored" else value for name, value in outputs.items()
        }


@pytest.fixture
def other(session):
    return OtherSession(session)


@pytest.fixture
def servicer(session):
    return FakeServer({1: session})


@pytest.fixture
def address(servicer):
    with serving(servicer) as address:
        yield address


@pytest.fixture
def client(address):
    with Client(address, "denoise") as client:
        yield client


def used(servicer):
    return {name for name, _ in servicer.seen} - {"describe"}


def random_picture(rng, shape, dtype):
    peak = np.iinfo(dtype).max if dtype.startswith("u") else 1
    return (rng.random(shape) * peak).astype(dtype)


def assert_same_picture(restored, expected):
    """Equal up to the order of float32 sums (1e-5 of the range) and rounding."""
    assert restored.dtype == expected.dtype and restored.shape == expected.shape
    if np.issubdtype(expected.dtype, np.floating):
        np.testing.assert_allclose(restored, expected, atol=1e-5)
    else:
        assert np.abs(restored.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("typed", [True, False], ids=["typed fields", "tensor_content"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 2), (9, 7, 3), (9, 7, 4), (1, 1, 3)])
def test_every_picture_type_equals_the_local_network(
    servicer, client, colour, rng, shape, dtype, typed
):
    servicer.typed = typed
    picture = random_picture(rng, shape, dtype)
    assert_same_picture(client.restore(picture, 25), keras_hyper.restore(picture, 25, colour))
    raw = dtype == "uint8" and shape[2:] in ((3,), (4,))
    assert used(servicer) == {"serving_uint8" if raw else "serving_default"}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("sides", [(97, 64), (65, 131), (16, 17)])
def test_tiles_in_several_calls_equal_the_whole(servicer, client, colour, rng, sides, dtype):
    picture = random_picture(rng, (*sides, 3), dtype)
    counted = []
    restored = client.restore(picture, 25, tile=16, on_tile=lambda *at: counted.append(at))
    assert_same_picture(restored, keras_hyper.restore(picture, 25, colour, tile=1000))
    calls = [name for name, _ in servicer.seen if name != "describe"]
    assert counted == [(n, len(calls)) for n in range(1, len(calls) + 1)]
    assert len(calls) > 1 or sides == (16, 17)


def test_tensor_content_is_requested_if_the_server_offers_it(servicer, client):
    client.restore(np.zeros((4, 4, 3), np.uint8), 25)
    assert servicer.asked["keras-hyper-tensor-content"] == "1"


def test_compressed_transfer_is_lossless(servicer, address, client, colour, rng):
    picture = random_picture(rng, (70, 41, 4), "uint8")
    with Client(address, "denoise", compress=True) as compressing:
        restored = compressing.restore(picture, 25, tile=32)
    assert used(servicer) == {"serving_bytes"}
    np.testing.assert_array_equal(restored, client.restore(picture, 25, tile=32))


def test_float_picture_above_4_mb_is_restored(client, colour, rng):
    picture = random_picture(rng, (620, 620, 3), "float32")
    assert_same_picture(
        client.restore(picture, 25, tile=620), keras_hyper.restore(picture, 25, colour)
    )


@pytest.mark.parametrize(("shape", "dtype"), [((40, 33, 4), "uint8"), ((40, 33), "float32")])
def test_sweep_is_one_call_and_equals_single_levels(servicer, client, colour, rng, shape, dtype):
    picture = random_picture(rng, shape, dtype)
    swept = client.sweep(picture, [5, 25, 70])
    assert used(servicer) == {"sweep"} and len(servicer.seen) == 2
    for one, level in zip(swept, [5, 25, 70], strict=True):
        assert_same_picture(one, keras_hyper.restore(picture, level, colour))
    np.testing.assert_allclose(client.sweep(picture, [5, 25, 70], tile=8), swept, atol=1.0001)


def test_gray_network_of_one_level(servicer, client, gray, rng, tmp_path):
    with session_of(gray, tmp_path, level=25.0) as session:
        servicer.sessions = {1: session}
        for shape in ((30, 9), (9, 7, 3), (9, 7, 4)):
            picture = random_picture(rng, shape, "uint8")
            expected = keras_hyper.restore(picture, 25, gray)
            for level in (None, 25):
                assert_same_picture(client.restore(picture, level), expected)
        with pytest.raises(ValueError, match=r"expected level 25, .* got \[30\]"):
            client.restore(picture, 30)
        with pytest.raises(ValueError, match="no signature `sweep`"):
            client.sweep(picture, [25])


def test_card_has_halo_range_and_task(client, colour):
    served = client.served_model()
    assert (served.version, served.channels, served.halo) == (1, 3, colour.halo)
    assert served.level_range == (5, 75) and served.card["task"] == "denoise"


def test_model_without_a_card_needs_a_halo_only_for_tiles(servicer, address, colour, rng):
    session = servicer.sessions[1]
    mute = SilentSession(session)
    servicer.sessions = {1: mute}
    picture = random_picture(rng, (40, 30, 3), "uint8")
    with Client(address, "denoise") as client:
        assert client.restore(picture, 25, tile=40).shape == picture.shape
        with pytest.raises(ValueError, match="expected `halo` .* got 30x40 pixels"):
            client.restore(picture, 25, tile=32)
    with Client(address, "denoise", halo=colour.halo) as with_halo:
        restored = with_halo.restore(picture, 25, tile=8)
    assert_same_picture(restored, keras_hyper.restore(picture, 25, colour))


class SilentSession:
    """A foreign export, without `describe` and `sweep`."""

    def __init__(self, session):
        self.predict = session.predict
        kept = ("serving_default", "serving_uint8")
        self.signatures = {name: session.signatures[name] for name in kept}


def test_level_outside_the_trained_range_warns_and_works(client):
    with pytest.warns(UserWarning, match="level 110 is outside the range trained on, 5 to 75"):
        client.restore(np.zeros((4, 4, 3)), 110)


@pytest.mark.parametrize(
    ("picture", "level", "more", "words"),
    [
        (np.zeros((4, 4, 5)), 25, {}, r"got \(4, 4, 5\)"),
        (np.full((4, 4), np.nan), 25, {}, "got nan"),
        (np.zeros((4, 4)), None, {}, r"expected a level, one number, got \[None\]"),
        (np.zeros((4, 4)), np.zeros((4, 4)), {}, "one number"),
        (np.zeros((4, 4)), np.nan, {}, "got nan"),
        (np.zeros((4, 4)), -3, {}, "got -3"),
        (np.zeros((4, 4)), 25, {"tile": 33}, "tile=33"),
    ],
)
def test_invalid_input_is_refused_with_its_value_and_not_sent(
    servicer, client, picture, level, more, words
):
    with pytest.raises(ValueError, match=words):
        client.restore(picture, level, **more)
    assert used(servicer) == set()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"version": 1, "label": "stable"}, "expected a version or a label, got version=1"),
        ({"halo": 3}, "halo=3"),
        ({"concurrency": 0}, "expected a `concurrency` of at least 1, got 0"),
        ({"timeout": 0}, "timeout=0"),
    ],
)
def test_invalid_arguments_of_the_client_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Client("localhost:1", "denoise", **arguments)


def test_transient_errors_are_retried(servicer, client, colour, rng):
    picture = random_picture(rng, (20, 20, 3), "uint8")
    client.served_model()
    servicer.faults = [
        (grpc.StatusCode.UNAVAILABLE, "queue full"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many at once"),
        (grpc.StatusCode.ABORTED, "swapped"),
        (grpc.StatusCode.FAILED_PRECONDITION, "have different shapes and padding is turned off."),
    ]
    assert_same_picture(client.restore(picture, 25), keras_hyper.restore(picture, 25, colour))
    assert [name for name, _ in servicer.seen].count("serving_uint8") == 5


@pytest.mark.parametrize(
    "fault",
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "no such picture"),
        (grpc.StatusCode.INTERNAL, "out of order"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Sent message larger than max (9 vs. 4)"),
    ],
)
def test_permanent_errors_name_server_model_and_cause(servicer, client, address, fault):
    client.served_model()
    servicer.faults = [fault]
    with pytest.raises(CallError) as caught:
        client.restore(np.zeros((4, 4, 3), np.uint8), 25)
    assert caught.value.code is fault[0] and caught.value.request_specific
    assert str(caught.value) == f"server {address}, model denoise: {fault[0].name}: {fault[1]}"
    assert [name for name, _ in servicer.seen].count("serving_uint8") == 1


def test_error_in_one_tile_cancels_the_rest(servicer, address, rng):
    with Client(address, "denoise", concurrency=1) as client:
        client.served_model()
        servicer.faults = [None, None, (grpc.StatusCode.INTERNAL, "out of order")]
        with pytest.raises(CallError, match="out of order"):
            client.restore(random_picture(rng, (200, 200, 3), "uint8"), 25, tile=16)
    assert len(servicer.seen) < 10


def test_number_of_concurrent_calls_is_bounded(servicer, address, rng):
    servicer.before = lambda request: time.sleep(0.01)
    with Client(address, "denoise", concurrency=2) as client:
        client.restore(random_picture(rng, (120, 120, 3), "uint8"), 25, tile=16)
    assert servicer.most_at_once <= 2 < len(servicer.seen)


def test_unknown_model_is_named(address):
    with Client(address, "paint") as client, pytest.raises(CallError, match="Latest") as caught:
        client.restore(np.zeros((4, 4, 3)), 25)
    assert caught.value.code is grpc.StatusCode.NOT_FOUND and not caught.value.request_specific


def test_wrong_address_fails_fast():
    with Client("127.0.0.1:1", "denoise") as client:
        client._calls.retries.first_contact = 0.3
        with pytest.raises(CallError, match="server 127.0.0.1:1, model denoise: UNAVAILABLE"):
            client.restore(np.zeros((4, 4, 3)), 25)


def test_deadline_ends_a_call(servicer, address):
    with Client(address, "denoise", timeout=0.5) as client:
        client.served_model()
        servicer.before = lambda request: time.sleep(1)
        with pytest.raises(CallError) as caught:
            client.restore(np.zeros((4, 4, 3), np.uint8), 25)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_client_reconnects_to_a_restarted_server(servicer, colour, rng):
    picture = random_picture(rng, (20, 20, 3), "uint8")
    with serving(servicer) as address:
        client = Client(address, "denoise")
        client.restore(picture, 25)
    back = threading.Event()

    def restart():
        with serving(servicer, port=address.rsplit(":")[-1]):
            back.wait(30)

    thread = threading.Timer(0.3, restart)
    thread.start()
    try:
        assert_same_picture(client.restore(picture, 25), keras_hyper.restore(picture, 25, colour))
    finally:
        back.set()
        thread.join()
        client.close()


def test_version_change_between_tiles_leaves_no_seam(servicer, client, other, colour, rng):
    picture = random_picture(rng, (90, 60, 3), "uint8")
    client.served_model()
    calls = iter(range(1000))

    def swap(request):
        if request.model_spec.signature_name == "serving_uint8" and next(calls) == 5:
            servicer.sessions = {2: other}

    servicer.before = swap
    restored = client.restore(picture, 25, tile=16)
    assert {version for _, version in servicer.seen} == {1, 2}
    assert_same_picture(restored, 255 - keras_hyper.restore(picture, 25, colour))


@pytest.mark.parametrize("tile", [16, 512])
def test_new_version_is_used_from_the_next_picture_on(servicer, client, other, colour, rng, tile):
    picture = random_picture(rng, (60, 30, 3), "uint8")
    client.restore(picture, 25, tile=tile)
    servicer.sessions[2] = other
    restored = client.restore(picture, 25, tile=tile)
    assert_same_picture(restored, 255 - keras_hyper.restore(picture, 25, colour))


def test_requested_version_and_label_are_used(servicer, address, other, colour, rng):
    servicer.sessions[2] = other
    servicer.labels = {"stable": 1}
    picture = random_picture(rng, (60, 30, 3), "uint8")
    for which in ({"version": 1}, {"label": "stable"}):
        with Client(address, "denoise", **which) as client:
            for tile in (16, 512):
                restored = client.restore(picture, 25, tile=tile)
                assert_same_picture(restored, keras_hyper.restore(picture, 25, colour))
    with Client(address, "denoise", version=9) as client, pytest.raises(CallError, match="9"):
        client.restore(picture, 25)


def test_ready_requires_an_available_version(servicer, client, address):
    client.wait_until_ready(5)
    servicer.sessions = {}
    with pytest.raises(CallError, match="version 7 is LOADING"):
        client.wait_until_ready(0.3)
    with (
        Client("127.0.0.1:1", "denoise") as unreachable,
        pytest.raises(CallError, match="127.0.0.1:1"),
    ):
        unreachable.wait_until_ready(0.3)


def test_client_is_thread_safe(client, colour, rng):
    pictures = [random_picture(rng, (30 + i, 40, 3), "uint8") for i in range(6)]
    results = {}
    threads = [
        threading.Thread(target=lambda i=i: results.update({i: client.restore(pictures[i], 25)}))
        for i in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, picture in enumerate(pictures):
        assert_same_picture(results[i], keras_hyper.restore(picture, 25, colour))


def test_tls_with_server_and_client_certificates(servicer, tmp_path):
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    mine = authority.issue_cert("somebody@example.org")
    files = {"ca": authority.cert_pem, "cert": mine.cert_chain_pems[0], "key": mine.private_key_pem}
    paths = {name: tmp_path / f"{name}.pem" for name in files}
    for name, pem in files.items():
        pem.write_to_path(paths[name])
    credentials = grpc.ssl_server_credentials(
        [(server.private_key_pem.bytes(), server.cert_chain_pems[0].bytes())],
        authority.cert_pem.bytes(),
        require_client_auth=True,
    )
    picture = np.zeros((4, 4, 3), np.uint8)
    with serving(servicer, credentials) as address:
        known = tls(paths["ca"], paths["cert"], paths["key"])
        with Client(address, "denoise", credentials=known) as client:
            assert client.restore(picture, 25).shape == picture.shape
        for unknown in (tls(paths["ca"]), tls(), None):
            client = Client(address, "denoise", credentials=unknown, timeout=0.5)
            with client, pytest.raises(CallError, match="UNAVAILABLE"):
                client.restore(picture, 25)
    with pytest.raises(ValueError, match="expected a client certificate together with its key"):
        tls(paths["ca"], paths["cert"])


def test_model_with_other_signatures_is_refused_with_their_names(servicer, client):
    session = servicer.sessions[1]

    class Strange(SilentSession):
        def __init__(self):
            self.signatures = {"serving_default": session.signatures["serving_bytes"]}

    servicer.sessions = {1: Strange()}
    with pytest.raises(
        ValueError, match=r"expected the signature `serving_default`.*\(image_bytes, level\)"
    ):
        client.restore(np.zeros((4, 4, 3)), 25)


def test_restores_without_importing_keras_or_tensorflow(address):
    program = f"""
import sys
import numpy as np
from keras_hyper.serving.client import Client

picture = np.zeros((40, 30, 3), np.uint8)
for options in ({{}}, {{"compress": True}}):
    with Client({address!r}, "denoise", **options) as client:
        client.wait_until_ready()
        restored = client.restore(picture, 25, tile=16)
        swept = client.sweep(picture.astype(np.float32), [5, 25])
print(restored.shape, swept.shape, {{"keras", "tensorflow"}} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "(40, 30, 3) (2, 40, 30, 3) set()", done.stderr[-2000:]
