import socket

import pytest

from keras_hyper.hosts import is_allowed_host


@pytest.mark.parametrize(
    ("host", "allowed", "expected"),
    [
        ("localhost:8501", (), True),
        ("127.0.0.1:8501", (), True),
        ("[::1]:8501", (), True),
        (socket.gethostname(), (), True),
        ("attacker.example", (), False),
        ("localhost.attacker.example:8501", (), False),
        ("", (), False),
        ("Photos.example:80", ("photos.example",), True),
        ("attacker.example", ("*",), True),
    ],
)
def test_names_of_other_sites_are_refused(host, allowed, expected):
    assert is_allowed_host(host, allowed) is expected
