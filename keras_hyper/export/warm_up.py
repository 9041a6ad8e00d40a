"""Warm-up requests, which TF-Serving runs before it calls a version available.

The messages are those of TF-Serving's API. Its package wants a TensorFlow of its own beside ours,
so the few fields that are needed are described here.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

_FIELD = descriptor_pb2.FieldDescriptorProto
# message: (field, number, type); a name that begins with a dot is a message, "map" one of tensors.
_MESSAGES = {
    "ModelSpec": (("name", 1, "string"), ("signature_name", 3, "string")),
    "PredictRequest": (("model_spec", 1, ".ModelSpec"), ("inputs", 2, "map")),
    "PredictLog": (("request", 1, ".PredictRequest"),),
    "PredictionLog": (("predict_log", 6, ".PredictLog"),),
}
_PACKAGE = "keras_hyper.tensorflow_serving"


def _prediction_log():
    file = descriptor_pb2.FileDescriptorProto(
        name="keras_hyper/prediction_log.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[tensor_pb2.DESCRIPTOR.name],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            _add_field(message, field, number, kind)
    # A pool of our own: the real messages may be loaded in the same process.
    pool = descriptor_pool.DescriptorPool()
    _add_with_imports(pool, tensor_pb2.DESCRIPTOR)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.PredictionLog"))


def _add_with_imports(pool, file):
    for imported in file.dependencies:
        _add_with_imports(pool, imported)
    copy = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(copy)
    pool.Add(copy)


def _add_field(message, name, number, kind):
    field = message.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
    if kind == "string":
        field.type = _FIELD.TYPE_STRING
        return
    field.type = _FIELD.TYPE_MESSAGE
    field.type_name = f".{_PACKAGE}{kind}"
    if kind == "map":
        entry = message.nested_type.add(name="InputsEntry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=1, type=_FIELD.TYPE_STRING)
        entry.field.add(
            name="value", number=2, label=1, type=_FIELD.TYPE_MESSAGE,
            type_name=".tensorflow.TensorProto",
        )  # fmt: skip
        field.label = _FIELD.LABEL_REPEATED
        field.type_name = f".{_PACKAGE}.{message.name}.InputsEntry"


PredictionLog = _prediction_log()


def warm_up_requests(channels: int, levels: Sequence[float] | None, side: int = 64) -> dict:
    """Returns one small request a signature: name of the signature to inputs by name.

    Args:
        channels: 1 or 3.
        levels: Levels the network knows; None for an export without one.
        side: Side of the picture in pixels.
    """
    pixels = np.full((1, side, side, channels), 128, np.uint8)
    floats = np.float32(pixels) / np.float32(255)
    first = {"level": np.array(levels[:1], np.float32)} if levels is not None else {}
    requests = {
        "serving_default": {"image": floats, **first},
        "serving_uint8": {"image": pixels, **first},
        "serving_bytes": {"image_bytes": np.array([_png(pixels[0])], object), **first},
        "describe": {"query": np.array([b""], object)},
    }
    if levels is not None:
        requests["sweep"] = {"image": floats, "level": np.array(levels, np.float32)}
    return requests


def warm_up_alone(signatures: Sequence[str], channels: int, side: int = 64) -> dict[str, dict]:
    """Returns one small request for each of the signatures that take an image and no level."""
    image = np.full((1, side, side, channels), 0.5, np.float32)
    return {signature: {"image": image} for signature in signatures}


def _png(pixels):
    return tf.io.encode_png(pixels).numpy()


def write_warm_up(version: Path, requests: dict[str, dict]) -> Path:
    """Writes the requests where TF-Serving looks for them; returns the file."""
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests.items():
            record = PredictionLog()
            request = record.predict_log.request
            request.model_spec.name = "restorer"
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                request.inputs[name].ParseFromString(
                    tf.make_tensor_proto(value).SerializeToString()
                )
            writer.write(record.SerializeToString())
    return path


def read_warm_up(version: Path) -> dict[str, dict]:
    """Reads the requests of an export back: signature to inputs by name."""
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    requests = {}
    for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = PredictionLog.FromString(data).predict_log.request
        requests[request.model_spec.signature_name] = {
            name: tf.make_ndarray(tensor_pb2.TensorProto.FromString(tensor.SerializeToString()))
            for name, tensor in request.inputs.items()
        }
    return requests
