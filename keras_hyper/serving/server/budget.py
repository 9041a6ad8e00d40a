"""How much may wait in memory."""

import threading

import grpc

from keras_hyper.serving.server.errors import ServingError
from keras_hyper.serving.server.version import Hold


class Budget:
    """A number of values that those inside share; may be used from any thread.

    Args:
        most: How many values there may be at once.
    """

    def __init__(self, most: int):
        self._most = most
        self._taken = 0
        self._lock = threading.Lock()

    def take(self, hold: Hold, values: int) -> None:
        """Takes values until `hold` is given back.

        Raises:
            ServingError: UNAVAILABLE if there are too few left.
        """
        with self._lock:
            if self._taken + values > self._most:
                raise full(f"requests with {self._taken} values wait or run")
            self._taken += values
        hold.also(lambda: self._give(values))

    def _give(self, values):
        with self._lock:
            self._taken -= values


def full(why: str) -> ServingError:
    """Returns the UNAVAILABLE of a server that has enough to do."""
    return ServingError(
        grpc.StatusCode.UNAVAILABLE, f"{why}, which is this server's limit; try again later"
    )
