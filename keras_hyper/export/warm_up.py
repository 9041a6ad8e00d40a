"""Warm-up requests, which TF-Serving runs before a version becomes available."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog


def warm_up_requests(channels: int, levels: Sequence[float] | None, side: int = 64) -> dict:
    """Returns one small request for each signature: inputs by name, by name of the signature.

    Args:
        channels: 1 or 3.
        levels: Levels trained on; None for an export of one level.
        side: Side of the picture in pixels.
    """
    pixels = np.full((1, side, side, channels), 128, np.uint8)
    floats = np.float32(pixels) / np.float32(255)
    png = tf.io.encode_png(pixels[0]).numpy()
    first = {"level": np.array(levels[:1], np.float32)} if levels is not None else {}
    requests = {
        "serving_default": {"image": floats, **first},
        "serving_uint8": {"image": pixels, **first},
        "serving_bytes": {
            "image_bytes": np.array([png], object),
            **first,
        },
        "describe": {"query": np.array([b""], object)},
    }
    if levels is not None:
        requests["sweep"] = {"image": floats, "level": np.array(levels, np.float32)}
    return requests


def warm_up_alone(signatures: Sequence[str], channels: int, side: int = 64) -> dict[str, dict]:
    """Returns one small request for each of these signatures, which have an image and no level."""
    image = np.full((1, side, side, channels), 0.5, np.float32)
    return {signature: {"image": image} for signature in signatures}


def write_warm_up(version: Path, requests: dict[str, dict]) -> Path:
    """Writes the requests to the path of TF-Serving's convention and returns it."""
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests.items():
            record = PredictionLog()
            request = record.predict_log.request
            request.model_spec.name = "restorer"
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            writer.write(record.SerializeToString())
    return path


def read_warm_up(version: Path) -> dict[str, dict]:
    """Reads the requests of an export: inputs by name, by name of the signature."""
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    requests = {}
    for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = PredictionLog.FromString(data).predict_log.request
        requests[request.model_spec.signature_name] = {
            name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()
        }
    return requests
