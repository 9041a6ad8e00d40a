"""What a picture costs over the wire, signature by signature.

`python -m benchmarks.serving_client` exports the denoiser that ships and asks `keras-hyper serve`;
``--address HOST:PORT`` asks a running server, such as TF-Serving, for its model `--model`.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

import keras_hyper
from benchmarks.own_server import own_server
from benchmarks.side_by_side import show
from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.serving.client import Client
from keras_hyper.serving.client.tensors import BYTES, FILES, FLOATS, SWEEP

LEVELS = (10.0, 25.0, 40.0, 60.0)
# What `keras-hyper serve` takes as a request for packed bytes; TF-Serving answers in typed fields.
_PACKED = (("keras-hyper-tensor-content", "1"),)


def run(
    address: str | None = None, name: str = "denoise", side: int = 512, rounds: int = 15
) -> None:
    """Prints the table.

    Args:
        address: Of a server that has the model; None starts one.
        name: The model's name there.
        side: Of the picture in pixels.
        rounds: Calls a row.
    """
    network = keras_hyper.HyperRes.from_preset("denoise_tiny")
    picture = _noisy(side)
    if address is not None:
        _table(address, name, network, picture, rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        export_saved_model(network, Path(folder) / name)
        with own_server(Path(folder)) as (own, _):
            _table(own, name, network, picture, rounds)


def _noisy(side):
    """A picture as it comes to a denoiser: smooth, with noise of sigma 25."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side] / side
    clean = np.stack([rows, columns, 1 - rows * columns], axis=-1) * 200 + 25
    return np.clip(clean + rng.normal(0, 25, clean.shape), 0, 255).astype(np.uint8)


def _table(address, name, network, picture, rounds):
    floats = np.float32(picture) / np.float32(255)
    sweep = len(LEVELS)
    with Client(address, name) as near, Client(address, name, compress=True) as far:
        near.wait_until_ready()
        side = len(picture)
        ways = {
            "in process, uint8": (
                None,
                lambda: keras_hyper.restore(picture, 25, network, tile=side),
            ),
            "serving_uint8": ((BYTES, picture, 1), lambda: near.restore(picture, 25, tile=side)),
            "serving_bytes": ((FILES, picture, 1), lambda: far.restore(picture, 25, tile=side)),
            "serving_default": ((FLOATS, floats, 1), lambda: near.restore(floats, 25, tile=side)),
            f"{sweep} levels by serving_default": (
                (FLOATS, floats, 1, sweep),
                lambda: [near.restore(floats, level, tile=side) for level in LEVELS],
            ),
            f"{sweep} levels by sweep": (
                (SWEEP, floats, sweep),
                lambda: near.sweep(floats, LEVELS, tile=side),
            ),
        }
        sizes = {way: _sizes(address, name, *what) for way, (what, _) in ways.items() if what}
        times = _times({way: call for way, (_, call) in ways.items()}, rounds)
    rows = [(way, *sizes.get(way, ("", "", "")), *times[way]) for way in ways]
    show(
        f"{side}x{side} picture, tiny network, float32, at {address}",
        ("signature", "request, MB", "answer, MB", "typed, MB", "median, ms", "90 %, ms"),
        rows,
    )


def _sizes(address, name, form, pixels, levels, calls=1):
    """Megabytes of the request, of the answer in packed bytes, and in typed fields."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = form.signature
    request.inputs[form.input].CopyFrom(tf.make_tensor_proto(form.encode(pixels)))
    request.inputs["level"].CopyFrom(tf.make_tensor_proto(np.float32(LEVELS[:levels])))
    limits = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, limits) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answers = [
            stub.Predict(request, timeout=60, metadata=metadata).ByteSize()
            for metadata in (_PACKED, ())
        ]
    return [calls * size / 1e6 for size in (request.ByteSize(), *answers)]


def _times(calls, rounds):
    """Median and 90th percentile in ms; in turn, so that a machine that slows down slows all."""
    seconds = {way: [] for way in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for way, call in calls.items():
            begun = time.perf_counter()
            call()
            seconds[way].append(1e3 * (time.perf_counter() - begun))
    return {
        way: (statistics.median(took), float(np.percentile(took, 90)))
        for way, took in seconds.items()
    }


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(prog="benchmarks.serving_client", description=__doc__)
    parser.add_argument("--address", metavar="HOST:PORT", help="of a running server")
    parser.add_argument("--model", default="denoise", help="its model")
    parser.add_argument("--side", type=int, default=512, help="of the picture in pixels")
    parser.add_argument("--rounds", type=int, default=15, help="calls a row")
    args = parser.parse_args()
    run(args.address, args.model, args.side, args.rounds)


if __name__ == "__main__":
    main()
