"""Requests for tests and their expected results."""

from collections.abc import Callable
from dataclasses import dataclass

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

INVALID = grpc.StatusCode.INVALID_ARGUMENT
MISSING = grpc.StatusCode.NOT_FOUND
FAILED = grpc.StatusCode.FAILED_PRECONDITION


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def request_for(model="denoise", signature="", version=None, label="", **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    if label:
        request.model_spec.version_label = label
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def floats(image_shape=(1, 8, 9, 3), level=(25,), **more):
    image = np.full(image_shape, 0.5, np.float32)
    return request_for(image=image, level=np.float32(level), **more)


def _changed(change, **more):
    request = floats(**more)
    change(request)
    return request


def _level_as(name):
    def change(request):
        request.inputs[name].CopyFrom(request.inputs["level"])
        del request.inputs["level"]

    return _changed(change)


def _cut(request):
    request.inputs["image"].tensor_content = request.inputs["image"].tensor_content[:-1]


@dataclass(frozen=True)
class Case:
    """A request with the expected error code and message; "" for any message."""

    request: Callable[[], predict_pb2.PredictRequest]
    code: grpc.StatusCode
    text: str = ""
    # The message over REST; None if the request cannot be made over REST.
    rest_text: str | None = None


def _both(request, code, text=""):
    return Case(request, code, text, text)


NAN = float("nan")
CASES = {
    # which model and version
    "no model_spec": Case(
        lambda: _changed(lambda request: request.ClearField("model_spec")),
        INVALID, "Missing ModelSpec",
    ),
    "empty name": Case(
        lambda: floats(model=""), INVALID, "ModelSpec has no name specified."
    ),
    "unknown model": _both(
        lambda: floats(model="unknown"), MISSING,
        "Servable not found for request: Latest(unknown)",
    ),
    "a path as a name": _both(
        lambda: floats(model="..\\..\\denoise"), MISSING,
        "Servable not found for request: Latest(..\\..\\denoise)",
    ),
    "unknown version": _both(
        lambda: floats(version=9), MISSING,
        "Servable not found for request: Specific(denoise, 9)",
    ),
    "version 0 is a version": _both(
        lambda: floats(version=0), MISSING,
        "Servable not found for request: Specific(denoise, 0)",
    ),
    "unknown label": _both(
        lambda: floats(label="stable"), INVALID, "Unrecognized servable version label: stable"
    ),
    # signature, inputs and outputs by name
    "unknown signature": Case(
        lambda: floats(signature="nope"), FAILED, 'Serving signature key "nope" not found.',
        'Serving signature name: "nope" not found in signature def',
    ),
    "missing input": _both(
        lambda: _changed(lambda request: request.inputs.pop("level")), INVALID,
        "input size does not match signature: 1!=2 len({image}) != len({image,level}). "
        "Sent extra: {}. Missing but required: {level}.",
    ),
    "extra input": Case(
        lambda: request_for(image=np.zeros((1, 4, 4, 3), np.float32), level=np.float32([1]),
                            more=np.float32([1])),
        INVALID,
        "input size does not match signature: 3!=2 len({image,level,more}) != "
        "len({image,level}). Sent extra: {more}. Missing but required: {}.",
    ),
    "wrong input": Case(
        lambda: _level_as("sigma"), INVALID,
        "Signature input alias: level(feed name: serving_default_level:0) not found in request "
        "and no default value provided. Inputs expected to be in the request {image,level}, or "
        "default input alias set: ",
    ),
    "unknown output": Case(
        lambda: _changed(lambda request: request.output_filter.append("X")), INVALID,
        "output tensor alias not found in signature: X Outputs expected to be in the set "
        "{restored}.",
    ),
    "an output twice": Case(
        lambda: _changed(lambda request: request.output_filter.extend(["restored"] * 2)),
        INVALID, "duplicate output tensor alias: restored",
    ),
    # types and shapes
    "bytes that do not fit the shape": Case(
        lambda: _changed(_cut), INVALID, "tensor parsing error: image"
    ),
    "uint8 for float": Case(
        lambda: request_for(image=pixels(1, 4, 4, 3), level=np.float32([1])), INVALID
    ),
    "float for uint8": Case(lambda: floats(signature="serving_uint8"), INVALID),
    "int64 levels": Case(
        lambda: request_for(image=np.zeros((1, 4, 4, 3), np.float32), level=np.int64([1])),
        INVALID,
    ),
    "text for an image": Case(
        lambda: request_for(image=np.array([b"x"]), level=np.float32([1])), INVALID
    ),
    "rank 3": _both(lambda: floats((8, 9, 3)), INVALID),
    "rank 5": _both(lambda: floats((1, 1, 8, 9, 3)), INVALID),
    "levels (batch, 1)": _both(lambda: floats(level=[[25]]), INVALID),
    "a scalar level": Case(lambda: floats(level=25), INVALID),
    "1 channel": _both(lambda: floats((1, 8, 9, 1)), INVALID),
    "6 channels": _both(lambda: floats((1, 8, 9, 6)), INVALID),
    "1 image, 3 levels": _both(lambda: floats(level=[25, 30, 35]), INVALID),
    "2 images, 1 level": _both(lambda: floats((2, 8, 9, 3)), INVALID),
    "zero height": Case(lambda: floats((1, 0, 9, 3)), INVALID),
    "empty batch": Case(lambda: floats((0, 8, 9, 3), level=np.zeros(0)), INVALID),
    "NaN level": _both(lambda: floats(level=[NAN]), INVALID),
    "infinite level": _both(lambda: floats(level=[float("inf")]), INVALID),
    # files
    "garbage for a file": Case(
        lambda: request_for(signature="serving_bytes", image_bytes=np.array([b"garbage"]),
                            level=np.float32([1])), INVALID,
    ),
    "a truncated PNG": Case(
        lambda: request_for(signature="serving_bytes", image_bytes=np.array([png(9, 8)[:60]]),
                            level=np.float32([1])), INVALID,
    ),
    "a PNG that claims gigapixels": Case(
        lambda: request_for(signature="serving_bytes", image_bytes=np.array([huge_png()]),
                            level=np.float32([1])), INVALID,
    ),
    "a JPEG that claims gigapixels": Case(
        lambda: request_for(signature="serving_bytes", image_bytes=np.array([huge_jpeg()]),
                            level=np.float32([1])), INVALID,
    ),
}  # fmt: skip


def png(height, width):
    return tf.io.encode_png(pixels(height, width, 3)).numpy()


def huge_png():
    data = bytearray(png(16, 16))
    data[16:24] = (60_000).to_bytes(4) * 2
    return bytes(data)


def huge_jpeg():
    data = bytearray(tf.io.encode_jpeg(pixels(16, 16, 3)).numpy())
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = (65_500).to_bytes(2) * 2
    return bytes(data)
