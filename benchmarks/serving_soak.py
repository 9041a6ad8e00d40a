"""16 clients, mixed sizes and levels, versions swapped and bombs sent all the while: `--minutes N`.

Every answer is compared with the one of this process, requests that must fail must fail with
their code, and the server's memory is printed twice a minute. Ends with status 1 if anything was
wrong.
"""

import argparse
import itertools
import random
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf

from benchmarks.bombs import MODEL, Bomber, Bombs
from benchmarks.served import request_for, served
from keras_hyper import HyperRes
from keras_hyper.export.onnx import export_onnx
from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.export.session import ServingSession

CLIENTS = 16
SIZES = ((16, 16), (33, 47), (64, 64), (128, 96), (160, 201))
SIGNATURES = ("serving_default", "serving_uint8")
LEVELS = (5.0, 25.0, 60.0)
SWAP_SECONDS = 10.0
# A time stamp beyond 2**63: no version, which the server must ignore.
LONG_NAME = "20261128021459000001"
# The last bits differ between one picture and a batch of them.
TOLERANCE = {"serving_default": 1e-4, "serving_uint8": 1}


def two_exports(folder: Path) -> list[Path]:
    """Exports two networks that answer differently: even versions are the one, odd the other.

    The first has a ``model.onnx``, so that the server runs even versions by another engine.
    """
    network = HyperRes.from_preset("denoise_tiny")
    even = export_saved_model(network, folder / "even")
    export_onnx(network, folder / "even")
    network.set_weights([weight * 0.95 for weight in network.get_weights()])
    return [even, export_saved_model(network, folder / "odd")]


class Questions:
    """Requests, and what each of the two networks answers.

    Args:
        exports: The two SavedModels.
    """

    def __init__(self, exports: list[Path]):
        self.asked = []
        rng = np.random.default_rng(0)
        with ServingSession(exports[0]) as even, ServingSession(exports[1]) as odd:
            for sides, signature, level in itertools.product(SIZES, SIGNATURES, LEVELS):
                image = rng.integers(0, 256, (1, *sides, 3)).astype(np.uint8)
                if signature == "serving_default":
                    image = image / np.float32(255)
                inputs = {"image": image, "level": np.float32([level])}
                answers = [one.predict(signature, inputs)["restored"] for one in (even, odd)]
                request = request_for(MODEL, signature, image, inputs["level"])
                self.asked.append((signature, request, answers))
        self.bad = self._bad()

    def _bad(self):
        _, request, _ = self.asked[0]
        unknown, wrong = type(request)(), type(request)()
        unknown.CopyFrom(request)
        unknown.model_spec.name = "missing"
        wrong.CopyFrom(request)
        wrong.inputs["level"].CopyFrom(tf.make_tensor_proto(np.float32([np.nan])))
        return [
            (unknown, grpc.StatusCode.NOT_FOUND),
            (wrong, grpc.StatusCode.INVALID_ARGUMENT),
        ]


class Client(threading.Thread):
    """Asks at random until it is stopped, and counts what it finds.

    Args:
        stub: Whom to ask.
        questions: What to ask.
        number: Seed.
        stop: Set when it is enough.
    """

    def __init__(self, stub, questions: Questions, number: int, stop: threading.Event):
        super().__init__(daemon=True)
        self._stub, self._questions, self._stop_asking = stub, questions, stop
        self._random = random.Random(number)
        self.found: Counter = Counter()
        self.versions: set[int] = set()
        self.seconds: list[float] = []

    def run(self):
        """Asks."""
        while not self._stop_asking.is_set():
            if self._random.random() < 0.05:
                self._ask_badly()
            else:
                self._ask()

    def _ask(self):
        signature, request, answers = self._random.choice(self._questions.asked)
        begun = time.monotonic()
        try:
            answer = self._stub.Predict(request, timeout=60)
        except grpc.RpcError as error:
            self.found[f"failed: {error.code().name}: {error.details()[:80]}"] += 1
            return
        self.seconds.append(time.monotonic() - begun)
        version = answer.model_spec.version.value
        self.versions.add(version)
        restored = tf.make_ndarray(answer.outputs["restored"]).astype(np.float32)
        difference = np.abs(restored - answers[version % 2]).max()
        self.found["equal" if difference <= TOLERANCE[signature] else "different"] += 1

    def _ask_badly(self):
        request, code = self._random.choice(self._questions.bad)
        try:
            self._stub.Predict(request, timeout=60)
            self.found["answered what must fail"] += 1
        except grpc.RpcError as error:
            right = error.code() is code
            self.found["refused rightly" if right else f"refused as {error.code().name}"] += 1


def _swap(model, exports, number):
    """Publishes the next version, and takes away those before the last."""
    copy = model / "copy"
    shutil.copytree(exports[number % 2], copy)
    copy.rename(model / str(number))
    for path in model.iterdir():
        if path.name.isdecimal() and int(path.name) < number - 1:
            shutil.rmtree(path)


def _megabytes(process):
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise OSError(f"process {process} has no resident memory any more")


def soak(minutes: float, bombers: int, flags: list[str]) -> bool:
    """Runs it; returns whether all was well."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        rest = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        exports = two_exports(Path(folder) / "exports")
        questions = Questions(exports)
        model = Path(folder) / "models" / MODEL
        shutil.copytree(exports[0], model / LONG_NAME)
        for name in ("model.onnx", "card.json"):
            shutil.copy(exports[0].parent / name, model / name)
        _swap(model, exports, 2)
        with served(model.parent, "--rest-port", str(rest), *flags) as (stub, process):
            stop = threading.Event()
            clients = [Client(stub, questions, n, stop) for n in range(CLIENTS)]
            bombs = Bombs(stub, f"127.0.0.1:{rest}")
            threads = [*clients, *(Bomber(bombs, n, stop) for n in range(bombers))]
            for thread in threads:
                thread.start()
            swaps = _watch(minutes, process, lambda number: _swap(model, exports, number))
            stop.set()
            for thread in threads:
                thread.join()
    return _report(clients, threads, swaps)


def _watch(minutes, process, swap):
    begun, swaps, memory = time.monotonic(), 0, 0.0
    while time.monotonic() < begun + minutes * 60:
        elapsed = time.monotonic() - begun
        if elapsed >= memory:
            print(f"{elapsed:5.0f} s  {_megabytes(process):7.1f} MB", flush=True)
            memory += 30
        if elapsed >= (swaps + 1) * SWAP_SECONDS:
            swaps += 1
            swap(2 + swaps)
        time.sleep(0.1)
    print(f"{minutes * 60:5.0f} s  {_megabytes(process):7.1f} MB", flush=True)
    return swaps


def _report(clients, threads, swaps):
    found = sum((thread.found for thread in threads), Counter())
    versions = set().union(*(client.versions for client in clients))
    seconds = [one for client in clients for one in client.seconds]
    print(f"{swaps} swaps; {len(versions)} versions answered")
    for what, number in found.most_common():
        print(f"{number:8d} {what}")
    quantiles = np.quantile(seconds, [0.5, 0.99, 1.0])
    print("seconds of a call: median {:.3f}, 99 % {:.3f}, longest {:.3f}".format(*quantiles))
    return set(found) <= {"equal", "refused rightly", "bombs refused"}


def main() -> int:
    """Runs from the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.serving_soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long")
    parser.add_argument("--batch", default="1", help="of the server")
    parser.add_argument("--bombers", type=int, default=2, help="clients that send bombs")
    args = parser.parse_args()
    return 0 if soak(args.minutes, args.bombers, ["--batch", args.batch]) else 1


if __name__ == "__main__":
    sys.exit(main())
