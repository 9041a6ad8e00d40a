"""What a request asks for, whichever way it came, and the checks that come before the graph."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from keras_hyper.serving.server.errors import invalid
from keras_hyper.serving.server.picture_headers import check_files
from keras_hyper.serving.server.tensors import type_name

# Whatever a shape claims its last side to be.
MOST_CHANNELS = 4


@dataclass(frozen=True)
class Request:
    """A Predict, from gRPC or REST.

    Args:
        model: Its name.
        read: ``(SignatureDef) -> raw inputs by name``.
        shape: ``(name, raw input) -> shape`` that it claims, before anything is allocated for it.
        convert: ``(name, raw input, TensorInfo) -> array``.
        version: None for the newest.
        label: A version's label, or empty.
        signature: Its name; empty for the default one.
        outputs: Those that are wanted; none means all.
    """

    model: str
    read: Callable[[Any], Mapping[str, Any]]
    shape: Callable[[str, Any], tuple[int, ...]]
    convert: Callable[[str, Any, Any], np.ndarray]
    version: int | None = None
    label: str = ""
    signature: str = ""
    outputs: tuple[str, ...] = field(default=())


def inputs_of(
    request: Request, definition, max_pixels: int, reserve: Callable[[int], None]
) -> dict[str, np.ndarray]:
    """Reads and checks the inputs against the signature.

    Python's session would cast and TF-Serving's would pass on what does not fit; so the type and
    the shape are checked here, in that order.

    Args:
        request: The request.
        definition: The SignatureDef.
        max_pixels: The most that all pictures of the request may have together.
        reserve: Called with the number of values, before memory is taken for them.

    Returns:
        Arrays by input name.

    Raises:
        ServingError: INVALID_ARGUMENT; the text says what was wanted and what came.
    """
    raw = request.read(definition)
    _check_names(definition, raw)
    shapes = {name: request.shape(name, raw[name]) for name in definition.inputs}
    _check_sizes(shapes, max_pixels)
    reserve(sum(math.prod(shape) for shape in shapes.values()))
    arrays = {}
    for name, info in definition.inputs.items():
        array = request.convert(name, raw[name], info)
        _check_fits(name, array, info)
        if name.endswith("_bytes"):
            check_files(name, array, max_pixels)
        arrays[name] = array
    return arrays


def check_outputs(names: tuple[str, ...], definition) -> None:
    """Checks an output filter.

    Raises:
        ServingError: INVALID_ARGUMENT for an unknown name or one that comes twice.
    """
    seen = set()
    for name in names:
        if name not in definition.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} Outputs expected to be in "
                f"the set {_set(definition.outputs)}."
            )
        if name in seen:
            raise invalid(f"duplicate output tensor alias: {name}")
        seen.add(name)


def _set(names):
    return "{" + ",".join(sorted(names)) + "}"


def _check_names(definition, raw):
    wanted, came = set(definition.inputs), set(raw)
    if len(wanted) != len(came):
        raise invalid(
            f"input size does not match signature: {len(came)}!={len(wanted)} len({_set(came)}) "
            f"!= len({_set(wanted)}). Sent extra: {_set(came - wanted)}. "
            f"Missing but required: {_set(wanted - came)}."
        )
    for name in sorted(wanted - came):
        raise invalid(
            f"Signature input alias: {name}(feed name: {definition.inputs[name].name}) not found "
            "in request and no default value provided. Inputs expected to be in the request "
            f"{_set(wanted)}, or default input alias set: "
        )


def _check_sizes(shapes, max_pixels):
    """Limits the pixels that come in, and those that go out where one picture has many levels."""
    most = max((shape[0] for shape in shapes.values() if shape), default=1)
    for name, shape in shapes.items():
        pixels = most * math.prod(shape[1:3]) if len(shape) == 4 else math.prod(shape)
        if pixels > max_pixels or math.prod(shape) > MOST_CHANNELS * max_pixels:
            raise invalid(
                f"{name}: shape {list(shape)}, {pixels} pixels in all, is beyond this server's "
                f"limit of {max_pixels} pixels a request"
            )


def _check_fits(name, array, info):
    came = tf.as_dtype(array.dtype if array.dtype != object else tf.string).as_datatype_enum
    if came != info.dtype:
        raise invalid(
            f"Type mismatch: {name}: actual {type_name(came)} vs. expect {type_name(info.dtype)}"
        )
    wanted = tf.TensorShape(info.tensor_shape)
    if not wanted.is_compatible_with(array.shape):
        raise invalid(f"{name}: shape {wanted} was wanted; {list(array.shape)} came")
