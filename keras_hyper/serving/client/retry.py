"""Calls that are repeated where that may help, and errors that say who failed and why.

gRPC can repeat calls by itself, but at most five times, and without telling a server that is full
from a message that is too large.
"""

import random
import time
from collections.abc import Callable

import grpc

# The server was not there, was full, or gave way; nothing was wrong with the request.
_PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
}
# Of the request or of this picture: the next picture may fare better.
_OF_ONE_REQUEST = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,
}
# TF-Serving's words where batching joined this request to one of another size, and failed both.
_BAD_COMPANY = "padding is turned off"
# gRPC's words for a message beyond a limit of one of the two sides, under RESOURCE_EXHAUSTED.
_TOO_LARGE = "larger than max"


class CallError(OSError):
    """What a server answered instead of a result.

    Args:
        who: The address and the model.
        code: The `grpc.StatusCode`.
        details: The server's text.
    """

    def __init__(self, who: str, code: grpc.StatusCode, details: str):
        super().__init__(f"{who}: {code.name}: {details}")
        self.code = code
        self.details = details

    @property
    def of_one_request(self) -> bool:
        """Whether another request may well succeed; False where the server itself is amiss."""
        return self.code in _OF_ONE_REQUEST


class Patience:
    """How long and how often calls are repeated.

    Args:
        seconds: Deadline of a call, repetitions included.
        first_contact: The same until a server has answered once: an address with a typing error
            should be told of soon, a server that restarts should be waited for.
        pause: Seconds before the first repetition; doubled each time, less a random part.
        longest: Most seconds between two.

    Raises:
        ValueError: If there is no time.
    """

    def __init__(self, seconds: float, first_contact=5.0, pause=0.1, longest=2.0):
        if not seconds > 0:
            raise ValueError(f"`timeout` must be above 0 seconds. Received: timeout={seconds}")
        self.seconds = seconds
        self.first_contact = min(first_contact, seconds)
        self.pause = pause
        self.longest = longest
        self.met = False

    def call(self, who: str, function: Callable):
        """Returns ``function(timeout)``, repeated while that may help and time is left.

        Raises:
            CallError: If it failed otherwise, or the time was over.
        """
        begun, pause = time.monotonic(), self.pause
        while True:
            left = begun + self.seconds - time.monotonic()
            try:
                result = function(left)
            except grpc.RpcError as error:
                code, details = error.code(), error.details() or ""
                if code is not grpc.StatusCode.UNAVAILABLE:
                    self.met = True
                elapsed = time.monotonic() - begun
                wait = pause * random.uniform(0.5, 1.0)
                allowed = self.seconds if self.met else self.first_contact
                if not _may_pass(code, details) or elapsed + wait >= allowed:
                    raise CallError(who, code, details) from error
            else:
                self.met = True
                return result
            time.sleep(wait)
            pause = min(2 * pause, self.longest)


def _may_pass(code, details):
    return (code in _PASSING and _TOO_LARGE not in details) or _BAD_COMPANY in details
