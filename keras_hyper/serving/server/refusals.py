"""Refused messages, answered at a bounded rate.

gRPC receives a message before anything can refuse it, and holds the interpreter for about 1 ms a
megabyte. A client that repeats a large message as soon as it is refused would slow all calls.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

import grpc

# Bytes of a message whose refusal is never delayed.
SMALL = 1 << 20
# Bytes of refused messages a second; two refusals of 50 MB are 0.75 s apart.
_RATE = 1 << 26
_MOST_SECONDS = 10.0
# A client should go to another server at once, or has gone.
_AT_ONCE = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
)


class Refusals:
    """Delays the refusals of large messages, so that all together keep to a rate of bytes.

    The first one is not delayed, and no call whose message is small. Used in one event loop.

    Args:
        most: Most refusals that wait at a time; further ones are not delayed.
        clock: Returns seconds.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic):
        self._free = most
        self._clock = clock
        self._next = 0.0
        self._ended = asyncio.Event()

    def delay(self, code: grpc.StatusCode, size: int, remaining: float | None) -> float:
        """Returns the seconds that a refusal has to wait.

        Args:
            code: Of the refusal.
            size: Bytes of the message.
            remaining: Seconds to the client's deadline; at most half of them are waited.
        """
        if size <= SMALL or code in _AT_ONCE or not self._free:
            return 0.0
        now = self._clock()
        found = min(max(0.0, self._next - now), _MOST_SECONDS)
        self._next = now + found + size / _RATE
        return found if remaining is None else min(found, remaining / 2)

    async def wait(self, code: grpc.StatusCode, size: int, remaining: float | None) -> None:
        """Waits as long, or until `end`; keep no message meanwhile."""
        seconds = self.delay(code, size, remaining)
        if not seconds:
            return
        self._free -= 1
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)
        finally:
            self._free += 1

    def end(self) -> None:
        """Sends those that wait, and delays no more."""
        self._ended.set()
