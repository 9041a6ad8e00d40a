"""The JSON of the REST API to and from what the service speaks of."""

import base64
import binascii
import json
from typing import Any

import numpy as np
import tensorflow as tf

from keras_hyper.serving.server.errors import invalid
from keras_hyper.serving.server.request import Request
from keras_hyper.serving.server.service import Answer
from keras_hyper.serving.server.tensors import type_name
from keras_hyper.serving.server.version import Version


def predict_body(data: bytes) -> dict:
    """Parses the body of a predict.

    Raises:
        ServingError: INVALID_ARGUMENT unless it is an object with one of ``instances`` (rows) and
            ``inputs`` (columns).
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from error
    if not isinstance(body, dict):
        raise invalid(f"JSON Parse error: an object was wanted, not {_kind(body)}")
    if len({"instances", "inputs"} & set(body)) != 1:
        raise invalid("the body needs either 'instances' or 'inputs'")
    if "instances" in body and not (isinstance(body["instances"], list) and body["instances"]):
        raise invalid("'instances' must be a list with at least one row")
    if not isinstance(body.get("signature_name", ""), str):
        raise invalid(f"'signature_name' must be text, not {_kind(body['signature_name'])}")
    return body


def predict_request(body: dict, model: str, version: int | None, label: str) -> Request:
    """Returns what a parsed body asks of the model in its path."""
    return Request(
        model,
        lambda definition: _columns(body, definition),
        lambda name, values: _shape(values),
        _converted,
        version,
        label,
        body.get("signature_name", ""),
    )


def _columns(body, definition):
    names = list(definition.inputs)
    if "inputs" in body:
        inputs = body["inputs"]
        return inputs if _is_named(inputs) else _alone(names, inputs)
    rows = body["instances"]
    if not any(_is_named(row) for row in rows):
        return _alone(names, rows)
    first = rows[0]
    if any(not _is_named(row) or set(row) != set(first) for row in rows):
        raise invalid("the rows of 'instances' must all name the same inputs")
    return {name: [row[name] for row in rows] for name in first}


def _is_named(value):
    return isinstance(value, dict) and set(value) != {"b64"}


def _alone(names, values):
    if len(names) != 1:
        raise invalid(f"the inputs must be named: {', '.join(sorted(names))}")
    return {names[0]: values}


def _shape(values):
    shape = []
    while isinstance(values, list):
        shape.append(len(values))
        values = values[0] if values else None
    return tuple(shape)


def _converted(name, values, info):
    if info.dtype == tf.string.as_datatype_enum:
        return _files(name, values)
    try:
        array = np.array(values)
    except ValueError as error:
        raise invalid(f"{name}: the rows differ in size") from error
    dtype = np.dtype(tf.as_dtype(info.dtype).as_numpy_dtype)
    if array.size and not _holds(dtype, array):
        raise invalid(f"{name}: numbers of type {type_name(info.dtype)} were wanted")
    return array.astype(dtype)


def _holds(dtype, array):
    if dtype.kind == "f":
        return array.dtype.kind in "iuf"
    if dtype.kind not in "iu" or array.dtype.kind not in "iu":
        return dtype.kind == array.dtype.kind
    limits = np.iinfo(dtype)
    return limits.min <= array.min() and array.max() <= limits.max


def _files(name, values):
    shape = _shape(values)
    files: list[bytes] = []
    _collect(name, values, shape, files)
    array = np.empty(len(files), object)
    array[:] = files
    return array.reshape(shape)


def _collect(name, values, shape, files):
    if not shape:
        files.append(_file(name, values))
    elif isinstance(values, list) and len(values) == shape[0]:
        for value in values:
            _collect(name, value, shape[1:], files)
    else:
        raise invalid(f"{name}: the rows differ in size")


def _file(name, value):
    if isinstance(value, str):
        return value.encode()
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (TypeError, KeyError, ValueError, binascii.Error) as error:
        raise invalid(f'{name}: text or {{"b64": "..."}} was wanted, not {_kind(value)}') from error


def _kind(value):
    for kind, name in ((dict, "an object"), (list, "a list"), (str, "text")):
        if isinstance(value, kind):
            return name
    return repr(value)[:20]


def predict_answer(body: dict, answer: Answer) -> dict:
    """Returns the answer in the form of the request: rows as rows, columns as columns.

    Raises:
        ServingError: INVALID_ARGUMENT if rows were asked for and outputs differ in their number.
    """
    columns = {name: _listed(name, array) for name, array in answer.outputs.items()}
    if "inputs" in body:
        return {"outputs": next(iter(columns.values())) if len(columns) == 1 else columns}
    shapes = {array.shape[:1] for array in answer.outputs.values()}
    if len(shapes) > 1 or () in shapes:
        raise invalid("the outputs have no rows in common; ask in the form of 'inputs'")
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    rows = zip(*columns.values(), strict=True)
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}


def _listed(name, array):
    if array.dtype != object:
        return array.tolist()
    return _texts(array.tolist(), name.endswith("_bytes"))


def _texts(value: Any, binary: bool) -> Any:
    if isinstance(value, list):
        return [_texts(one, binary) for one in value]
    if binary:
        return {"b64": base64.b64encode(value).decode()}
    return value.decode("utf-8", "replace")


def status_answer(versions: list[Version]) -> dict:
    """Returns the states of versions as TF-Serving writes them."""
    return {
        "model_version_status": [
            {
                "version": str(version.number),
                "state": version.state.name,
                "status": {
                    "error_code": version.error.code.name if version.error else "OK",
                    "error_message": version.text,
                },
            }
            for version in versions
        ]
    }


def metadata_answer(model: str, version: int, definitions: dict) -> dict:
    """Returns the signatures as TF-Serving writes them."""
    signatures = {
        name: {
            "inputs": {key: _info(info) for key, info in definition.inputs.items()},
            "outputs": {key: _info(info) for key, info in definition.outputs.items()},
            "method_name": definition.method_name,
            "defaults": {},
        }
        for name, definition in definitions.items()
    }
    return {
        "model_spec": {"name": model, "signature_name": "", "version": str(version)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _info(info):
    sides = [{"size": str(side.size), "name": side.name} for side in info.tensor_shape.dim]
    return {
        "dtype": f"DT_{type_name(info.dtype).upper()}",
        "tensor_shape": {"dim": sides, "unknown_rank": info.tensor_shape.unknown_rank},
        "name": info.name,
    }
