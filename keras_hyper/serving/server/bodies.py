"""Received messages: unpacked, counted and limited before anything is built from them.

A few kilobytes can stand for millions of objects, as packed JSON or as empty submessages. Both
counts take NumPy or a bounded loop, which leave the interpreter to other threads.
"""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from keras_hyper.serving.server.errors import ServingError, invalid, too_large

# JSON values in one body: a picture of 590x590 as numbers. Reading them blocks other threads.
MOST_JSON_VALUES = 1 << 20
# Fields of one protobuf message at each level that can be repeated.
MOST_FIELDS = 4096
_MOST_BODY = 1 << 26
_BLOCK = 1 << 20
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
# Bytes of an object of each kind in Python, at most, by the character that begins or separates it.
_JSON_BYTES = {b"[": 96, b"{": 384, b",": 40}
# Fields of a tensor: its shape, at most of 32 named dimensions, and those that hold messages.
_SHAPE, _MOST_SHAPE, _RESOURCES = 2, 4096, (14, 15)
# Bytes in memory for each byte of a packed field, where numbers of one byte become longer ones, and
# the array that holds them grows by doubling. The other fields are copied.
_UNPACKED = {7: 8, 10: 16, 13: 8, 16: 8, 17: 16}


def body_limit(max_pixels: int) -> int:
    """Returns the most bytes of an unpacked REST body: 64 a pixel, and at most 64 MiB."""
    return min(_MOST_BODY, (1 << 16) + 64 * max_pixels)


def unpacked(
    data: bytes, encoding: str, limit: int, check: Callable[[bytes], None]
) -> bytes | bytearray:
    """Returns a body without its Content-Encoding.

    Args:
        data: The received body.
        encoding: ``gzip``, ``deflate``, or ``identity`` or empty for none.
        limit: Most bytes of the result; no more are unpacked.
        check: Called with each block before the next one is unpacked.

    Raises:
        ServingError: INVALID_ARGUMENT if it is damaged or of another encoding, or too large.
    """
    if encoding in ("", "identity"):
        check(data)
        return data
    if encoding not in _WINDOWS:
        raise invalid(f"expected Content-Encoding gzip or deflate, got {encoding}")
    unpacker, body = zlib.decompressobj(_WINDOWS[encoding]), bytearray()
    while not unpacker.eof:
        try:
            part = unpacker.decompress(data, _BLOCK)
        except zlib.error as error:
            raise invalid(f"the body is no {encoding}: {error}") from error
        if not (part or unpacker.eof):
            raise invalid(f"the body is no {encoding}: it is cut off")
        body += part
        if len(body) > limit:
            raise body_too_large(limit)
        check(part)
        data = unpacker.unconsumed_tail
    return body


def body_too_large(limit: int) -> ServingError:
    """Returns the error of a body with too many bytes; 413 over REST."""
    return too_large(
        f"the body is larger than {limit} bytes unpacked: send encoded pictures, or use gRPC"
    )


class JsonCost:
    """Memory of the objects of a JSON text, which comes in parts.

    Attributes:
        total: The most bytes that they take so far.
    """

    def __init__(self):
        self.total = 0
        self._values = 0

    def add(self, data: bytes) -> None:
        """Adds the next part.

        Raises:
            ServingError: If the text has more values than one body may have; 413 over REST.
        """
        self.total += len(data)
        for start in range(0, len(data), _BLOCK):
            block = np.frombuffer(data, np.uint8, min(_BLOCK, len(data) - start), start)
            for character, size in _JSON_BYTES.items():
                count = int(np.count_nonzero(block == ord(character)))
                self._values, self.total = self._values + count, self.total + size * count
            if self._values > MOST_JSON_VALUES:
                raise too_large(
                    f"the body has more than {MOST_JSON_VALUES} JSON values: send encoded "
                    "pictures, or use gRPC"
                )


def parsed_json(data: bytes | bytearray) -> Any:
    """Parses JSON; count it by `JsonCost` first.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error}") from error


def message_cost(data: bytes) -> int:
    """Returns the most bytes that a PredictRequest takes once it is parsed.

    Reads the tags and lengths of the levels that can repeat: the request, its inputs, and the
    tensors. A message that is damaged is left to the parser.

    Raises:
        ServingError: INVALID_ARGUMENT if a level has more fields than a request needs.
    """
    cost = len(data)
    for number, start, end in _fields(data, 0, len(data)):
        if number != 2:  # not an input
            cost += 64 * (end - start)
            if end - start > _BLOCK:
                raise invalid(f"field {number} has {end - start} bytes, more than a request needs")
            continue
        for key, first, last in _fields(data, start, end):
            if key == 2:
                cost += _tensor_cost(data, first, last)
    return cost


def _tensor_cost(data, start, end):
    cost = 0
    for number, first, last in _fields(data, start, end):
        size = last - first
        if number in _RESOURCES or (number == _SHAPE and size > _MOST_SHAPE):
            raise invalid(f"a tensor's field {number} has {size} bytes, more than a request needs")
        cost += 64 + _UNPACKED.get(number, 1) * size
    return cost


def _fields(data, start, end):
    """Yields number, start and end of the fields between two offsets."""
    for _ in range(MOST_FIELDS):
        if start >= end:
            return
        tag, start = _varint(data, start, end)
        kind = tag & 7
        if kind == 0:
            size = _varint(data, start, end)[1] - start
        elif kind == 2:
            size, start = _varint(data, start, end)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            if kind == 3:
                raise invalid("expected a message without groups")
            return  # the parser refuses it
        yield tag >> 3, min(start, end), min(start + size, end)
        start += size
    if start < end:
        raise invalid(f"expected at most {MOST_FIELDS} fields at each level of a message")


def _varint(data, start, end):
    """Returns a number and the offset behind it, which is `end` if it is cut off."""
    value = 0
    for position in range(start, min(start + 10, end)):
        value |= (data[position] & 127) << 7 * (position - start)
        if data[position] < 128:
            return value, position + 1
    return 0, end
