"""Received messages: unpacked, counted and limited before anything is built from them.

A few kilobytes can stand for millions of objects, as packed JSON or as empty submessages. Both
counts take NumPy or a bounded loop, which leave the interpreter to other threads.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from keras_hyper.serving.server.errors import ServingError, invalid, too_large

# JSON values in one body: a picture of 590x590 as numbers. Reading them blocks other threads.
MOST_JSON_VALUES = 1 << 20
# Fields of one protobuf message at each level that can be repeated.
MOST_FIELDS = 4096
# Fields of all levels together, which take about 0.1 s.
_MOST_FIELDS_IN_ALL = 4 * MOST_FIELDS
_MOST_BODY = 1 << 26
_BLOCK = 1 << 20
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
# Bytes of an object of each kind in Python, at most, by the character that begins or separates it.
_JSON_BYTES = {b"[": 96, b"{": 384, b",": 40}
# Fields of a request, of an entry of its inputs, of a shape and of a dimension.
_INPUTS, _KEY, _VALUE, _DIMENSION, _SIZE = 2, 1, 2, 2, 1
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


@dataclass
class Scan:
    """What a PredictRequest is about to take, read without parsing it.

    Attributes:
        cost: The most bytes that it takes once it is parsed.
        shapes: By input, those that are known and have no negative side.
    """

    cost: int
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


def scanned(data: bytes) -> Scan:
    """Reads the tags and lengths of the levels of a PredictRequest that can repeat.

    These are the request, its inputs, their tensors and shapes. A message that is damaged is left
    to the parser.

    Raises:
        ServingError: INVALID_ARGUMENT if it has more fields than a request needs.
    """
    fields, scan = _Fields(data), Scan(len(data))
    for number, start, end in fields.between(0, len(data)):
        if number != _INPUTS:
            scan.cost += 64 * (end - start)
            if end - start > _BLOCK:
                raise invalid(f"field {number} has {end - start} bytes, more than a request needs")
            continue
        name = ""
        sides: list[int] = []
        for part, first, last in fields.between(start, end):
            if part == _KEY and last - first < _BLOCK:
                name = data[first:last].decode(errors="replace")
            elif part == _VALUE:
                scan.cost += _tensor_cost(fields, first, last, sides)
        # As the parser does: the last tensor of a name counts.
        scan.shapes[name] = tuple(sides)
    scan.shapes = {name: shape for name, shape in scan.shapes.items() if min(shape, default=0) >= 0}
    return scan


def _tensor_cost(fields, start, end, sides):
    """Returns the bytes that a tensor takes, and adds the sides of its shape to a list."""
    cost = 0
    for number, first, last in fields.between(start, end):
        size = last - first
        if number in _RESOURCES or (number == _SHAPE and size > _MOST_SHAPE):
            raise invalid(f"a tensor's field {number} has {size} bytes, more than a request needs")
        cost += 64 + _UNPACKED.get(number, 1) * size
        if number == _SHAPE:
            for part, begin, stop in fields.between(first, last):
                if part == _DIMENSION:
                    sides.append(_side(fields, begin, stop))
    return cost


def _side(fields, start, end):
    side = 0
    for number, first, last in fields.between(start, end):
        if number == _SIZE:
            side = _varint(fields.data, first, last)[0] & ((1 << 64) - 1)
    return side - (1 << 64) if side >> 63 else side


class _Fields:
    """The fields of a message and of those in it; counts them all."""

    def __init__(self, data):
        self.data = data
        self._left = _MOST_FIELDS_IN_ALL

    def between(self, start, end):
        """Yields number, start and end of the fields between two offsets."""
        data, most = self.data, min(MOST_FIELDS, self._left)
        for _ in range(most):
            if start >= end:
                return
            self._left -= 1
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
            raise invalid(
                f"expected at most {MOST_FIELDS} fields at each level of a message, and "
                f"{_MOST_FIELDS_IN_ALL} in all"
            )


def _varint(data, start, end):
    """Returns a number and the offset behind it, which is `end` if it is cut off."""
    value = 0
    for position in range(start, min(start + 10, end)):
        value |= (data[position] & 127) << 7 * (position - start)
        if data[position] < 128:
            return value, position + 1
    return 0, end
