import datetime
import logging
import os
import socket
import ssl

import pytest
import trustme

from keras_hyper.serving.server.certificates import Certificates, check_dates

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def authority():
    return trustme.CA()


def write(authority, folder, **options):
    issued = authority.issue_cert("localhost", **options)
    for path, blob in (("cert", issued.cert_chain_pems[0]), ("key", issued.private_key_pem)):
        blob.write_to_path(folder / f"{path}.new")
        os.replace(folder / f"{path}.new", folder / path)
    return folder / "cert", folder / "key"


def served_by(context, authority):
    """The serial number of the certificate that a handshake shows."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server, server_hostname="localhost")
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.getpeercert()["serialNumber"]


def test_a_new_certificate_is_served_and_a_damaged_one_is_not(tmp_path, authority, caplog):
    certificates = Certificates(*write(authority, tmp_path))
    first = served_by(certificates.context, authority)
    certificates.refresh()
    assert served_by(certificates.context, authority) == first
    write(authority, tmp_path)
    certificates.refresh()
    second = served_by(certificates.context, authority)
    assert second != first
    (tmp_path / "key").write_text("damaged")
    with caplog.at_level(logging.WARNING):
        certificates.refresh()
        certificates.refresh()
    warnings = [row.message for row in caplog.records if row.levelno >= logging.WARNING]
    assert [text[:33] for text in warnings] == ["the certificate stays as it is: ["]
    assert served_by(certificates.context, authority) == second


def test_expired_and_damaged_certificates_are_refused(tmp_path, authority):
    cert, key = write(authority, tmp_path, not_after=NOW - datetime.timedelta(days=1))
    with pytest.raises(ValueError, match="expected a valid certificate, got .*cert, which expired"):
        Certificates(cert, key)
    fine, other = tmp_path / "fine", tmp_path / "other"
    for folder in (fine, other):
        folder.mkdir()
        write(authority, folder)
    with pytest.raises(ValueError, match="cannot be read: .*KEY_VALUES_MISMATCH"):
        Certificates(fine / "cert", other / "key")
    with pytest.raises(ValueError, match="which expired"):
        Certificates(fine / "cert", fine / "key", cert)
    with pytest.raises(ValueError, match="cannot be read: .*none"):
        Certificates(fine / "cert", fine / "key", tmp_path / "none")


def test_a_certificate_that_expires_soon_is_logged(tmp_path, authority, caplog):
    cert, _ = write(authority, tmp_path, not_after=NOW + datetime.timedelta(days=3))
    with caplog.at_level(logging.WARNING):
        check_dates(cert)
    assert f"{cert} expires at " in caplog.text


def test_grpc_serves_the_new_certificate(tmp_path, authority):
    import grpc

    certificates = Certificates(*write(authority, tmp_path))
    server = grpc.server(None)
    port = server.add_secure_port("127.0.0.1:0", certificates.credentials)
    server.start()

    def serial():
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        trusting.set_alpn_protocols(["h2"])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            return tls.getpeercert()["serialNumber"]

    first = serial()
    write(authority, tmp_path)
    certificates.refresh()
    assert serial() != first
    server.stop(None)
