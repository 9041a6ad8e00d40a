"""Requests of an adversary, which a server must refuse, in threads of their own.

python -m benchmarks.bombs     what each costs the server, and a small call beside it

The bombs are sent by another process than the call: the two share no interpreter and no connection.
The first row has a process that only computes, which takes a core as they do.
"""

import argparse
import gzip
import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import grpc
import numpy as np
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from benchmarks.served import NO_LIMIT, cpu_seconds, export_tiny, request_for, served

MODEL = "denoise"
_PAUSE = 0.2
_NO_INPUTS = "__saved_model_init_op"
_LEVEL = np.float32([25])
COMPUTING = "none: a process that computes"


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


def seconds_of_calls(call: Callable[[], object], count: int) -> float:
    """Returns the median time of a call."""
    seconds = []
    for _ in range(count):
        begun = time.monotonic()
        call()
        seconds.append(time.monotonic() - begun)
    return statistics.median(seconds)


def row_of(
    name: str,
    bomb: Callable[[], str],
    call: Callable[[], object],
    pid: int,
    count: int,
    sending: AbstractContextManager,
) -> str:
    """Returns a row: the answer, the server's processor time, and a call alone and beside it.

    Args:
        name: The bomb's.
        bomb: Sends one.
        call: The small call.
        pid: The server's process.
        count: Bombs and calls.
        sending: Sends bombs without pause while its block runs.
    """
    begun = cpu_seconds(pid)
    answers = {bomb() for _ in range(count)}
    cost = (cpu_seconds(pid) - begun) / count
    alone = seconds_of_calls(call, count)
    with sending:
        beside = seconds_of_calls(call, count)
    times = f"{1000 * cost:.0f} | {1000 * alone:.0f} | {1000 * beside:.0f} | {beside / alone:.1f}"
    return f"| {name} | {', '.join(sorted(answers))} | {times} |"


class Sender:
    """A process that sends bombs.

    Args:
        address: ``HOST:PORT`` of gRPC.
        rest: ``HOST:PORT`` of REST.
    """

    def __init__(self, address: str, rest: str):
        command = [sys.executable, "-m", "benchmarks.bombs", "--send-to", address, rest]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._expect("ready")

    @contextmanager
    def sending(self, name: str) -> Iterator[None]:
        """Sends one kind without pause while the block runs; at least one before it."""
        self._write(name)
        self._expect("sent")
        try:
            yield
        finally:
            self._write("")
            self._expect("ready")

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()

    def _write(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _expect(self, line):
        found = self._process.stdout.readline().strip()
        if found != line:
            raise RuntimeError(f"the process that sends bombs: expected {line}, got {found!r}")


def send(calls: dict[str, Callable[[], str]]) -> None:
    """Sends the bombs that standard input names, each until the next line."""
    print("ready", flush=True)
    for line in sys.stdin:
        bomb, enough = calls[line.strip()], threading.Event()
        bomb()
        thread = threading.Thread(target=_repeat, args=(bomb, enough))
        thread.start()
        print("sent", flush=True)
        sys.stdin.readline()
        enough.set()
        thread.join()
        print("ready", flush=True)


def _repeat(bomb, enough):
    while not enough.is_set():
        bomb()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=20, help="bombs and calls of each kind")
    parser.add_argument("--send-to", nargs=2, metavar=("GRPC", "REST"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.send_to:
        address, rest = args.send_to
        with grpc.insecure_channel(address, options=NO_LIMIT) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            send({COMPUTING: lambda: "", **Bombs(stub, rest).calls})
        return
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        port, rest_port = one.getsockname()[1], two.getsockname()[1]
    address, rest = f"127.0.0.1:{port}", f"127.0.0.1:{rest_port}"
    print("| bomb, without pause | answer | server's processor time, ms | call of 128x128 alone, "
          "ms | beside it, ms | ratio |")  # fmt: skip
    print("|---|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        export_tiny(Path(folder) / MODEL)
        ports = ("--port", str(port), "--rest-port", str(rest_port))
        with served(Path(folder), *ports) as (stub, pid):
            image = np.zeros((1, 128, 128, 3), np.uint8)
            request = request_for(MODEL, "serving_uint8", image, _LEVEL)

            def call():
                stub.Predict(request, timeout=60)

            call()
            sender = Sender(address, rest)
            try:
                bombs = {COMPUTING: lambda: "", **Bombs(stub, rest).calls}
                for name, bomb in bombs.items():
                    beside = sender.sending(name)
                    print(row_of(name, bomb, call, pid, args.count, beside), flush=True)
            finally:
                sender.close()


if __name__ == "__main__":
    main()
