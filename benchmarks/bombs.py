"""Requests of an adversary, which a server must refuse, in threads of their own."""

import gzip
import json
import random
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable

import grpc
import numpy as np
from tensorflow_serving.apis import predict_pb2

from benchmarks.served import request_for

MODEL = "denoise"
_PAUSE = 0.2
_NO_INPUTS = "__saved_model_init_op"
_LEVEL = np.float32([25])


def lists(count: int, part: bytes = b"[]") -> bytes:
    """Returns a body with as many parts in one list."""
    return b'{"inputs":{"image":[' + b",".join([part] * count) + b"]}}"


class Bombs:
    """Calls that a server must refuse.

    Args:
        stub: Of its PredictionService.
        rest: ``HOST:PORT`` of REST.
    """

    def __init__(self, stub, rest: str):
        self._stub = stub
        self._url = f"http://{rest}/v1/models/{MODEL}:predict"
        gzipped = {"Content-Encoding": "gzip"}
        plain = lists(1 << 20)
        few, many = gzip.compress(lists(4 << 20)), gzip.compress(lists(20 << 20))
        init = json.dumps({"signature_name": _NO_INPUTS, "inputs": {}}).encode()
        large = request_for(MODEL, "serving_uint8", np.zeros((1, 4097, 4097, 3), np.uint8), _LEVEL)
        declared = request_for(MODEL, "serving_default", np.zeros((1, 1, 1, 3), np.float32), _LEVEL)
        for side in declared.inputs["image"].tensor_shape.dim[1:3]:
            side.size = 1 << 18
        nothing = predict_pb2.PredictRequest()
        nothing.model_spec.name, nothing.model_spec.signature_name = MODEL, _NO_INPUTS
        self.calls: dict[str, Callable[[], str]] = {
            "lists": lambda: self._post(plain),
            "deep lists": lambda: self._post(b"[" * 100_000),
            "12 MiB of lists, packed": lambda: self._post(few, gzipped),
            "60 MiB of lists, packed": lambda: self._post(many, gzipped),
            "damaged gzip": lambda: self._post(b"\x1f\x8bno gzip", gzipped),
            "initialisation, REST": lambda: self._post(init),
            "initialisation, gRPC": lambda: self._predict(nothing),
            "16.8 megapixels and more": lambda: self._predict(large),
            "a declared terabyte": lambda: self._predict(declared),
        }

    def _post(self, body, headers=None):
        request = urllib.request.Request(self._url, body, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return str(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                json.loads(error.read())["error"]
                return str(error.code)
        except OSError as error:  # no answer
            return str(error)

    def _predict(self, request):
        try:
            self._stub.Predict(request, timeout=60)
            return "OK"
        except grpc.RpcError as error:
            return error.code().name


RIGHT = {"400", "413", "INVALID_ARGUMENT"}


class Bomber(threading.Thread):
    """Sends bombs at random until it is stopped, and counts the answers.

    Args:
        bombs: Which.
        number: Seed.
        stop: Set when it is enough.
    """

    def __init__(self, bombs: Bombs, number: int, stop: threading.Event):
        super().__init__(daemon=True)
        self._bombs, self._enough = bombs, stop
        self._random = random.Random(number)
        self.found: Counter = Counter()

    def run(self):
        """Sends them."""
        while not self._enough.wait(_PAUSE):
            name, call = self._random.choice(list(self._bombs.calls.items()))
            answer = call()
            self.found["bombs refused" if answer in RIGHT else f"bomb: {name}: {answer}"] += 1
