"""The API over HTTP, and the metrics."""

import json
import ssl

import grpc
from aiohttp import web

from keras_hyper.serving.server.errors import ServingError, UnknownSignatureError, invalid
from keras_hyper.serving.server.options import Options
from keras_hyper.serving.server.rest_json import (
    metadata_answer,
    predict_answer,
    predict_body,
    predict_request,
    status_answer,
)
from keras_hyper.serving.server.service import Service

# TF-Serving's --rest_api_timeout_in_ms.
_SECONDS = 30.0
# JSON takes many times its size in memory while it is read.
_LARGEST_BODY = 1 << 26
METRICS_PATH = "/monitoring/prometheus/metrics"
_WHICH = r"/v1/models/{model:[^/:]+}{which:(?:/(?:versions|labels)/[^/:]+)?}"
_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


class RestServer:
    """An HTTP server beside the one of gRPC.

    Args:
        service: What answers.
        options: Address and certificates.
    """

    def __init__(self, service: Service, options: Options):
        self._service = service
        self._options = options
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_errors])
        app.router.add_get(METRICS_PATH, self._metrics)
        app.router.add_get(_WHICH, self._status)
        app.router.add_get(_WHICH + "/metadata", self._metadata)
        app.router.add_post(_WHICH + r":{method:[^/:]+}", self._method)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=options.grace
        )

    async def start(self) -> int:
        """Opens the port and returns it.

        Raises:
            OSError: If it cannot be opened.
        """
        await self._runner.setup()
        options = self._options
        site = web.TCPSite(
            self._runner, options.host, options.rest_port, ssl_context=_context(options)
        )
        await site.start()
        return self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuses new requests; those inside get the grace of the options to end."""
        await self._runner.cleanup()

    async def _method(self, request):
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

    async def _status(self, request):
        model, version, label = _which(request)
        if label:
            hold = self._service.watcher.acquire(model, None, label)
            hold.release()
            version = hold.number
        return web.json_response(status_answer(self._service.statuses(model, version)))

    async def _metadata(self, request):
        model, version, label = _which(request)
        found = self._service.metadata(model, version, label)
        return web.json_response(metadata_answer(model, *found))

    async def _metrics(self, request):
        return web.Response(text=self._service.metrics.text(), content_type="text/plain")


def _which(request):
    kind, _, value = request.match_info["which"].strip("/").partition("/")
    if kind != "versions":
        return request.match_info["model"], None, value
    if not (value.isascii() and value.isdecimal() and int(value) < 1 << 63):
        raise invalid(f"a version must be a number. Received: {value}")
    return request.match_info["model"], int(value), ""


@web.middleware
async def _errors(request, handler):
    """Makes every error an object with the key ``error``."""
    try:
        return await handler(request)
    except UnknownSignatureError as error:
        text = f'Serving signature name: "{error.signature}" not found in signature def'
        return web.json_response({"error": text}, status=400)
    except ServingError as error:
        return web.json_response({"error": error.text}, status=_STATUS.get(error.code, 500))
    except web.HTTPRequestEntityTooLarge:
        text = f"the body is larger than {_LARGEST_BODY} bytes: send encoded pictures, or use gRPC"
        return web.json_response({"error": text}, status=413)
    except web.HTTPException as error:
        text = f"Malformed request: {request.method} {request.path}"
        # Under /v1/ TF-Serving calls a path that it does not know a wrong argument.
        status = 400 if request.path.startswith("/v1/") else error.status
        return web.json_response({"error": text}, status=status)


def _context(options):
    if options.cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=options.client_ca)
    context.load_cert_chain(options.cert, options.key)
    if options.client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
