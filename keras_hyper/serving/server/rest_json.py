"""The forms of a Predict in JSON: rows or columns, numbers, texts and files."""

import base64
import binascii
from typing import Any

import numpy as np
import orjson
import tensorflow as tf

from keras_hyper.serving.server.bodies import parsed_json
from keras_hyper.serving.server.errors import invalid
from keras_hyper.serving.server.request import Request
from keras_hyper.serving.server.service import Answer
from keras_hyper.serving.server.tensors import type_name


def predict_body(data: bytes | bytearray) -> dict:
    """Parses the body of a predict.

    Raises:
        ServingError: INVALID_ARGUMENT unless it is an object with either ``instances`` (rows) or
            ``inputs`` (columns).
    """
    body = parsed_json(data)
    if not isinstance(body, dict):
        raise invalid(f"JSON Parse error: expected an object, got {type(body).__name__}")
    if len({"instances", "inputs"} & set(body)) != 1:
        raise invalid("expected either 'instances' or 'inputs' in the body")
    if "instances" in body and not (isinstance(body["instances"], list) and body["instances"]):
        raise invalid("expected 'instances' to be a list with at least one row")
    if not isinstance(body.get("signature_name", ""), str):
        raise invalid(
            f"expected text in 'signature_name', got {type(body['signature_name']).__name__}"
        )
    return body


def predict_request(body: dict, model: str, version: int | None, label: str) -> Request:
    """Returns the request of a parsed body to the model of its path."""
    return Request(
        model,
        lambda definition: _columns(body, list(definition.inputs)),
        lambda name, values: _shape(values),
        _converted,
        version,
        label,
        body.get("signature_name", ""),
        # An array of float64 or int64 comes first.
        value_bytes=8,
        answer_copies=12,
    )


def _columns(body, names):
    """Returns the inputs by name, from the rows or the columns of the body."""
    values = body["inputs"] if "inputs" in body else body["instances"]
    if "inputs" in body and _has_names(values):
        return values
    if "instances" in body and any(map(_has_names, values)):
        if any(not _has_names(row) or set(row) != set(values[0]) for row in values):
            raise invalid("expected the same input names in all rows of 'instances'")
        return {name: [row[name] for row in values] for name in values[0]}
    if len(names) != 1:
        raise invalid(f"expected inputs with names: {', '.join(sorted(names))}")
    return {names[0]: values}


def _has_names(value):
    return isinstance(value, dict) and set(value) != {"b64"}


def _shape(values):
    shape = []
    while isinstance(values, list):
        shape.append(len(values))
        values = values[0] if values else None
    return tuple(shape)


def _converted(name, values, info):
    if info.dtype == tf.string.as_datatype_enum:
        shape = _shape(values)
        return np.array(list(_files(name, values, shape)), object).reshape(shape)
    first = values
    while isinstance(first, list) and first:
        first = first[0]
    dtype = np.dtype(tf.as_dtype(info.dtype).as_numpy_dtype)
    wide = bool if dtype.kind == "b" else np.float64
    if first != [] and not isinstance(first, bool if dtype.kind == "b" else (int, float)):
        raise invalid(f"{name}: expected numbers of type {type_name(info.dtype)}")
    try:
        # Of a given type: an array of texts has the length of the longest for each.
        array = np.array(values, wide)
    except (ValueError, TypeError, OverflowError) as error:
        raise invalid(
            f"{name}: expected numbers of type {type_name(info.dtype)} in rows of one size"
        ) from error
    limits = np.iinfo(dtype) if dtype.kind in "iu" else None
    if limits and not np.all(
        (array == np.rint(array)) & (limits.min <= array) & (array <= limits.max)
    ):
        raise invalid(f"{name}: expected numbers of type {type_name(info.dtype)}")
    return array.astype(dtype)


def _files(name, value, shape):
    """Yields the bytes of all files in lists of a shape."""
    if shape:
        if not isinstance(value, list) or len(value) != shape[0]:
            raise invalid(f"{name}: expected rows of one size")
        for one in value:
            yield from _files(name, one, shape[1:])
    elif isinstance(value, str):
        yield value.encode()
    else:
        try:
            yield base64.b64decode(value["b64"], validate=True)
        except (TypeError, KeyError, ValueError, binascii.Error) as error:
            got = type(value).__name__
            raise invalid(f'{name}: expected text or {{"b64": "..."}}, got {got}') from error


def predict_answer(body: dict, answer: Answer) -> bytes:
    """Returns the answer as JSON in the request's form: rows for rows, columns for columns."""
    return orjson.dumps(_answer(body, answer), option=orjson.OPT_SERIALIZE_NUMPY)


def _answer(body, answer):
    columns = {
        name: np.ascontiguousarray(array) if array.dtype != object else _texts(array.tolist(), name)
        for name, array in answer.outputs.items()
    }
    if "inputs" in body:
        return {"outputs": next(iter(columns.values())) if len(columns) == 1 else columns}
    shapes = {array.shape[:1] for array in answer.outputs.values()}
    if len(shapes) > 1 or () in shapes:
        raise invalid("the outputs differ in their number of rows; use 'inputs' instead")
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    rows = zip(*columns.values(), strict=True)
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}


def _texts(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_texts(one, name) for one in value]
    if name.endswith("_bytes"):
        return {"b64": base64.b64encode(value).decode()}
    return value.decode("utf-8", "replace")
