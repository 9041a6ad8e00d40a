"""The API over HTTP with JSON, and the metrics."""

import asyncio
import contextvars

import grpc
from aiohttp import web

from keras_hyper.hosts import is_allowed_host
from keras_hyper.serving.server.access_log import REQUEST_ID, request_id
from keras_hyper.serving.server.bodies import JsonCost, body_limit, body_too_large, unpacked
from keras_hyper.serving.server.certificates import Certificates
from keras_hyper.serving.server.config import Options
from keras_hyper.serving.server.errors import ServingError, invalid
from keras_hyper.serving.server.rest_json import predict_answer, predict_body, predict_request
from keras_hyper.serving.server.service import Service
from keras_hyper.serving.server.tensors import type_name
from keras_hyper.serving.server.version import Lease

# TF-Serving's --rest_api_timeout_in_ms.
_SECONDS = 30.0
METRICS_PATH = "/monitoring/prometheus/metrics"
# Most seconds in which no byte of a body comes or none of an answer is taken, and in which the rest
# of a refused body is read, so that its client receives the answer.
_PAUSE, _LINGERING = 10.0, 2.0
# Memory of a body is taken in blocks.
_BLOCK = 1 << 16
# The id of the request in work.
_ID: contextvars.ContextVar[str] = contextvars.ContextVar("id")
_WHICH = r"/v1/models/{model:[^/:]+}{which:(?:/(?:versions|labels)/[^/:]+)?}"


class _Handlers:
    """The methods: HTTP requests to responses."""

    def __init__(self, service: Service, limit: int, options: Options):
        self._service = service
        self._limit = limit
        self._allowed = options.allowed_hosts
        self._pause = min(_PAUSE, options.idle)

    @web.middleware
    async def hosts(self, request, handler):
        """Refuses names that a page of another site may have given this address."""
        if not is_allowed_host(request.host, self._allowed):
            text = f"expected an allowed Host, got {request.host}: see --allowed-hosts"
            return web.json_response({"error": text}, status=403)
        return await handler(request)

    @web.middleware
    async def ids(self, request, handler):
        """Gives every request an id: the client's, or a new one."""
        name = request_id(request.headers.get(REQUEST_ID, ""))
        _ID.set(name)
        response = await handler(request)
        response.headers[REQUEST_ID] = name
        return response

    @web.middleware
    async def errors(self, request, handler):
        """Answers every error with an object with the key ``error``."""
        try:
            return await handler(request)
        except ServingError as error:
            status, text = error.http_status, error.rest_text
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
        encoding = request.headers.get("Content-Encoding", "").lower()
        lease = Lease()
        async with self._service.call("REST", _SECONDS, _ID.get()) as call:
            call.model = model
            data = await self._body(request, call)
            texts: list[bytes | bytearray] = []
            bodies: list[dict] = []

            def cost():
                if encoding:
                    self._service.reserve(call, self._limit)
                found = JsonCost()
                texts.append(unpacked(data, encoding, self._limit, found.add))
                return found.total

            def read():
                bodies.append(predict_body(texts.pop()))
                return predict_request(bodies[0], model, version, label)

            text = await self._service.predict(
                call, cost, read, lambda answer: predict_answer(bodies[0], answer)
            )
            self._service.hand_over(call, text, lease)
        try:
            return await self._sent(request, text)
        finally:
            lease.release()

    async def _sent(self, request, text):
        """Sends an answer, and returns it when it is sent. A client may never take it."""
        headers, transport = {REQUEST_ID: _ID.get()}, request.transport
        response = web.Response(body=text, content_type="application/json", headers=headers)
        await response.prepare(request)
        sending = asyncio.ensure_future(response.write_eof())
        left = len(text) + 1
        try:
            while not (await asyncio.wait([sending], timeout=self._pause))[0]:
                if transport.get_write_buffer_size() >= left:
                    transport.abort()
                left = transport.get_write_buffer_size()
            await sending
        finally:
            sending.cancel()
        return response

    async def _body(self, request, call):
        """Receives a body. Its memory is taken as it comes: a client may never send it."""
        if (request.content_length or 0) > self._limit:
            raise body_too_large(self._limit)
        body, taken = bytearray(), 0
        while True:
            try:
                async with asyncio.timeout(self._pause):
                    part = await request.content.readany()
            except TimeoutError as error:
                text = f"expected the request's body, got {len(body)} bytes and then none for"
                raise ServingError(
                    grpc.StatusCode.DEADLINE_EXCEEDED, f"{text} {self._pause:g} s", 408
                ) from error
            if not part:
                return bytes(body)
            if len(body) + len(part) > self._limit:
                raise body_too_large(self._limit)
            body += part
            blocks = -(-(len(body) - taken) // _BLOCK)
            if blocks > 0:
                self._service.reserve(call, blocks * _BLOCK)
                taken += blocks * _BLOCK

    async def status(self, request):
        model, version, label = _which(request)
        if label:
            hold = self._service.models.acquire(model, None, label)
            hold.release()
            version = hold.number
        rows = [
            {
                "version": str(one.number),
                "state": self._service.state_of(one).name,
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
        options: Address and limits.
        certificates: For TLS; None for none.
    """

    def __init__(
        self, service: Service, options: Options, certificates: Certificates | None = None
    ):
        self._options = options
        self._context = certificates.context if certificates else None
        limit = min(body_limit(options.max_pixels), options.max_memory // 4)
        handlers = _Handlers(service, limit, options)
        middlewares = [handlers.ids, handlers.errors, handlers.hosts]
        app = web.Application(middlewares=middlewares)
        app.router.add_get(METRICS_PATH, handlers.metrics)
        app.router.add_get(_WHICH, handlers.status)
        app.router.add_get(_WHICH + "/metadata", handlers.metadata)
        app.router.add_post(_WHICH + r":{method:[^/:]+}", handlers.method)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=options.grace,
            keepalive_timeout=options.idle,
            lingering_time=min(_LINGERING, options.idle),
            # Unpacked here, up to the limit.
            auto_decompress=False,
        )

    async def start(self) -> int:
        """Opens the port and returns it.

        Raises:
            OSError: If it cannot be opened.
        """
        await self._runner.setup()
        await web.TCPSite(
            self._runner,
            self._options.host,
            self._options.rest_port,
            ssl_context=self._context,
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
