"""The API over HTTP with JSON, and the metrics."""

import base64
import binascii
import json
import ssl
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from aiohttp import web

from keras_hyper.serving.server.config import Options
from keras_hyper.serving.server.errors import HTTP_STATUS, ServingError, invalid
from keras_hyper.serving.server.request import Request
from keras_hyper.serving.server.service import Answer, Service
from keras_hyper.serving.server.tensors import type_name

# TF-Serving's --rest_api_timeout_in_ms.
_SECONDS = 30.0
# Reading JSON takes many times its size in memory.
_LARGEST_BODY = 1 << 26
METRICS_PATH = "/monitoring/prometheus/metrics"
_WHICH = r"/v1/models/{model:[^/:]+}{which:(?:/(?:versions|labels)/[^/:]+)?}"


class _Handlers:
    """The methods: HTTP requests to responses."""

    def __init__(self, service: Service):
        self._service = service

    @web.middleware
    async def errors(self, request, handler):
        """Answers every error with an object with the key ``error``."""
        try:
            return await handler(request)
        except ServingError as error:
            status, text = HTTP_STATUS.get(error.code, 500), error.rest_text
        except web.HTTPRequestEntityTooLarge:
            status = 413
            text = (
                f"the body is larger than {_LARGEST_BODY} bytes: send encoded pictures, or use gRPC"
            )
        except web.HTTPException as error:
            # TF-Serving answers unknown paths under /v1/ with INVALID_ARGUMENT.
            status = 400 if request.path.startswith("/v1/") else error.status
            text = f"Malformed request: {request.method} {request.path}"
        return web.json_response({"error": text}, status=status)

    async def method(self, request):
        method = request.match_info["method"]
        if method in ("classify", "regress"):
            raise ServingError(
                grpc.StatusCode.UNIMPLEMENTED, f"{method} is not part of this server; predict is"
            )
        if method != "predict":
            raise invalid(f"Malformed request: POST {request.path}")
        model, version, label = _which(request)
        data = await request.read()
        bodies = []

        def read():
            bodies.append(predict_body(data))
            return predict_request(bodies[0], model, version, label)

        text = await self._service.predict(
            read,
            lambda answer: json.dumps(predict_answer(bodies[0], answer)),
            len(data),
            _SECONDS,
            "REST",
        )
        return web.json_response(text=text)

    async def status(self, request):
        model, version, label = _which(request)
        if label:
            hold = self._service.models.acquire(model, None, label)
            hold.release()
            version = hold.number
        rows = [
            {
                "version": str(one.number),
                "state": one.state.name,
                "status": {
                    "error_code": one.error.code.name if one.error else "OK",
                    "error_message": one.text,
                },
            }
            for one in self._service.statuses(model, version)
        ]
        return web.json_response({"model_version_status": rows})

    async def metadata(self, request):
        model, version, label = _which(request)
        number, definitions = self._service.metadata(model, version, label)
        signatures = {
            name: {
                "inputs": {key: _tensor_info(info) for key, info in definition.inputs.items()},
                "outputs": {key: _tensor_info(info) for key, info in definition.outputs.items()},
                "method_name": definition.method_name,
                "defaults": {},
            }
            for name, definition in definitions.items()
        }
        spec = {"name": model, "signature_name": "", "version": str(number)}
        metadata = {"signature_def": {"signature_def": signatures}}
        return web.json_response({"model_spec": spec, "metadata": metadata})

    async def metrics(self, request):
        return web.Response(text=self._service.metrics.text(), content_type="text/plain")


class RestServer:
    """An HTTP server.

    Args:
        service: The API.
        options: Address and certificates.
    """

    def __init__(self, service: Service, options: Options):
        self._options = options
        handlers = _Handlers(service)
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[handlers.errors])
        app.router.add_get(METRICS_PATH, handlers.metrics)
        app.router.add_get(_WHICH, handlers.status)
        app.router.add_get(_WHICH + "/metadata", handlers.metadata)
        app.router.add_post(_WHICH + r":{method:[^/:]+}", handlers.method)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=options.grace
        )

    async def start(self) -> int:
        """Opens the port and returns it.

        Raises:
            OSError: If it cannot be opened.
        """
        await self._runner.setup()
        options, context = self._options, None
        if options.cert is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=options.client_ca)
            context.load_cert_chain(options.cert, options.key)
            if options.client_ca:
                context.verify_mode = ssl.CERT_REQUIRED
        await web.TCPSite(
            self._runner, options.host, options.rest_port, ssl_context=context
        ).start()
        return self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuses new requests and waits for running ones, at most the seconds of `grace`."""
        await self._runner.cleanup()


def _which(request):
    """Returns name, version (None for the newest) and label of the model in the path."""
    kind, _, value = request.match_info["which"].strip("/").partition("/")
    if kind != "versions":
        return request.match_info["model"], None, value
    if not (value.isascii() and value.isdecimal() and int(value) < 1 << 63):
        raise invalid(f"expected a version number, got {value}")
    return request.match_info["model"], int(value), ""


def _tensor_info(info):
    sides = [{"size": str(side.size), "name": side.name} for side in info.tensor_shape.dim]
    return {
        "dtype": f"DT_{type_name(info.dtype).upper()}",
        "tensor_shape": {"dim": sides, "unknown_rank": info.tensor_shape.unknown_rank},
        "name": info.name,
    }


def predict_body(data: bytes) -> dict:
    """Parses the body of a predict.

    Raises:
        ServingError: INVALID_ARGUMENT unless it is an object with either ``instances`` (rows) or
            ``inputs`` (columns).
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from error
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
    try:
        array = np.array(values)
    except ValueError as error:
        raise invalid(f"{name}: expected rows of one size") from error
    dtype = np.dtype(tf.as_dtype(info.dtype).as_numpy_dtype)
    kinds = {"f": "iuf", "i": "iu", "u": "iu"}.get(dtype.kind, dtype.kind)
    fits = not array.size or array.dtype.kind in kinds
    if fits and array.size and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        fits = limits.min <= array.min() and array.max() <= limits.max
    if not fits:
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


def predict_answer(body: dict, answer: Answer) -> dict:
    """Returns the answer in the request's form: rows for rows, columns for columns."""
    columns = {
        name: array.tolist() if array.dtype != object else _texts(array.tolist(), name)
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
