"""The server's certificate: checked at the start, and read again when its files change."""

import datetime
import logging
import ssl
from pathlib import Path

import grpc
from cryptography import x509

_log = logging.getLogger(__name__)


class Certificates:
    """What both transports encrypt with. The authorities of clients are read once.

    Args:
        cert: PEM file with the certificate chain.
        key: PEM file with its key.
        client_ca: PEM file with the authorities that certify clients; None admits all clients.

    Attributes:
        context: For REST; handshakes use its latest certificate.
        credentials: For gRPC, likewise.

    Raises:
        ValueError: If a file cannot be read, certificate and key do not fit, or one has expired.
    """

    def __init__(self, cert: Path, key: Path, client_ca: Path | None = None):
        self._cert, self._key = cert, key
        self._stamp = self._stamps()
        try:
            self._authorities = client_ca and client_ca.read_bytes()
            if client_ca:
                check_dates(client_ca)
            self.context, self._latest = self._read()
            if client_ca:
                self.context.load_verify_locations(client_ca)
                self.context.verify_mode = ssl.CERT_REQUIRED
        except OSError as error:
            raise ValueError(f"the certificates cannot be read: {error}") from error
        self.credentials = grpc.dynamic_ssl_server_credentials(
            self._latest, lambda: self._latest, require_client_authentication=bool(client_ca)
        )

    def refresh(self) -> None:
        """Reads certificate and key again if they changed; invalid ones are logged and not used."""
        stamp = self._stamps()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            _, self._latest = self._read()
            self.context.load_cert_chain(self._cert, self._key)
        except (OSError, ValueError) as error:
            _log.warning("the certificate stays as it is: %s", error)
        else:
            _log.info("%s was read again", self._cert)

    def _read(self):
        """Checks the pair; gRPC would open the port with one that does not fit."""
        check_dates(self._cert)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._cert, self._key)
        pair = (self._key.read_bytes(), self._cert.read_bytes())
        return context, grpc.ssl_server_certificate_configuration([pair], self._authorities)

    def _stamps(self):
        found = [path.stat() for path in (self._cert, self._key) if path.exists()]
        return [(file.st_ino, file.st_mtime_ns) for file in found]


def check_dates(path: Path) -> None:
    """Checks that no certificate of a file has expired, and warns of one that will within a week.

    Raises:
        ValueError: If one has expired, or the file has no certificates.
        OSError: If the file cannot be read.
    """
    now = datetime.datetime.now(datetime.UTC)
    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"the certificates cannot be read: {path}: {error}") from error
    for certificate in certificates:
        end = certificate.not_valid_after_utc
        if end < now:
            raise ValueError(f"expected a valid certificate, got {path}, which expired at {end}")
        if end < now + datetime.timedelta(days=7):
            _log.warning("%s expires at %s", path, end)
