"""A line of JSON for each Predict."""

import datetime
import logging.handlers
import secrets
from pathlib import Path
from typing import Any

import orjson

# Metadata of gRPC and header of REST, in requests and answers.
REQUEST_ID = "x-request-id"
_LONGEST = 128


def request_id(given: str) -> str:
    """Returns a client's id of a request, or a new one if it is empty, long or not printable."""
    fits = 0 < len(given) <= _LONGEST and given.isascii() and given.isprintable()
    return given if fits else secrets.token_hex(16)


class AccessLog:
    """Appends lines to a file; the file may be renamed meanwhile, as by logrotate.

    Raises:
        OSError: If the file cannot be written.
    """

    def __init__(self, path: Path):
        self._handler = logging.handlers.WatchedFileHandler(path)

    def write(self, call: Any) -> None:
        """Writes the line of a `service.Call` that has ended."""
        row = {
            "time": datetime.datetime.now(datetime.UTC),
            "id": call.id,
            "entrypoint": call.entrypoint,
            "model": call.model,
            "version": call.version,
            "signature": call.signature,
            "pixels": call.units,
            "code": call.code,
            "seconds": round(call.elapsed, 6),
        }
        line = orjson.dumps(row).decode()
        self._handler.handle(logging.LogRecord("access", logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        """Closes the file."""
        self._handler.close()
