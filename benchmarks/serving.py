"""Serving on one machine: the cost of a call, and the effect of batching and of the engine."""

import tempfile
import threading
import time
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
import tensorflow as tf

from benchmarks.served import cpu_seconds, request_for, served
from benchmarks.side_by_side import ratio, show
from keras_hyper import HyperRes
from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.export.session import ServingSession
from keras_hyper.serving.server.grpc_server import CONTENT_KEY
from keras_hyper.shipped import shipped_models

CLIENTS = 16
_PACKED = [(CONTENT_KEY, "1")]
_FORMS = {"packed bytes": _PACKED, "typed fields": None}


def run(rounds: int = 30, seconds: float = 6.0) -> None:
    """Prints the tables.

    Args:
        rounds: Calls a row of the first table.
        seconds: Of each of the turns of the second.
    """
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        for precision in ("float32", "bfloat16"):
            network = HyperRes.from_preset("denoise_tiny").with_precision(precision)
            export_saved_model(network, models / precision)
        _calls(models, rounds)
        _joined(models, seconds)
    _by_engine(seconds)


def _by_engine(seconds, turns=3):
    """The networks that ship, by TensorFlow and by OpenVINO in turns."""
    engines, rows = ("tensorflow", "openvino"), []
    with ExitStack() as stack:
        servers = {
            engine: stack.enter_context(served(shipped_models(), "--engine", engine))
            for engine in engines
        }
        for name, side in product(("denoise_tiny", "denoise"), (128, 512)):
            found = {engine: [] for engine in engines}
            for _ in range(turns):
                for engine, server in servers.items():
                    found[engine].append(_rate(*server, [25.0], seconds, name, side)[0])
            rates = [median(found[engine]) for engine in engines]
            rows.append((f"{name}, {side}x{side}", *rates, rates[1] / rates[0]))
    columns = ("network, picture", "TensorFlow, pictures/s", "OpenVINO, pictures/s", "ratio")
    show(f"{CLIENTS} clients, float32", columns, rows)


def _calls(models, rounds):
    image = np.random.default_rng(0).integers(0, 256, (1, 512, 512, 3)).astype(np.uint8)
    level = np.float32([25])
    rows = []
    with served(models) as (stub, _):
        for precision, (form, metadata) in product(("float32", "bfloat16"), _FORMS.items()):
            with ServingSession(models / precision / "1") as session:
                here, there, _ = ratio(
                    partial(session.predict, "serving_uint8", {"image": image, "level": level}),
                    partial(_call, stub, precision, image, level, metadata),
                    rounds,
                )
            rows.append((f"{precision}, {form}", here, there, f"{1e3 * (there - here):.1f}"))
    show(
        "512x512 uint8, tiny network: in this process, and called over loopback",
        ("network, form of the answer", "here, s", "called, s", "added, ms"),
        rows,
    )


def _call(stub, model, image, level, metadata):
    request = request_for(model, "serving_uint8", image, level)
    answer = stub.Predict(request, metadata=metadata, timeout=60)
    return tf.make_ndarray(answer.outputs["restored"])


def _joined(models, seconds, turns=5):
    batches = ("1", "4", "8")
    rows = []
    with ExitStack() as stack:
        servers = {
            batch: stack.enter_context(served(models, "--batch", batch)) for batch in batches
        }
        for name, levels in (("one level", [25.0]), ("16 levels", np.linspace(5, 75, CLIENTS))):
            found = {batch: [] for batch in batches}
            for _ in range(turns):  # in turns: a machine that slows down slows all
                for batch, server in servers.items():
                    found[batch].append(_rate(*server, levels, seconds))
            off = median(rate for rate, _ in found["1"])
            for batch in batches:
                rate, cpu = (median(column) for column in zip(*found[batch], strict=True))
                rows.append((f"{name}, --batch {batch}", rate, rate / off, 1e3 * cpu))
    show(
        f"{CLIENTS} clients with 128x128 tiles, tiny network in float32",
        ("levels, maximum batch size", "pictures/s", "to --batch 1", "CPU ms/picture"),
        rows,
    )


def _rate(stub, process, levels, seconds, model="float32", side=128):
    """Pictures a second that all clients get restored, and the server's CPU seconds for each."""
    tile = np.random.default_rng(0).integers(0, 256, (1, side, side, 3)).astype(np.uint8)
    done, used, begun = [0] * CLIENTS, cpu_seconds(process), time.perf_counter()

    def client(number):
        level = np.float32([levels[number % len(levels)]])
        request = request_for(model, "serving_uint8", tile, level)
        while time.perf_counter() < begun + seconds:
            stub.Predict(request, metadata=_PACKED, timeout=60)
            done[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begun
    return sum(done) / elapsed, (cpu_seconds(process) - used) / sum(done)
