"""The API over gRPC.

On asyncio: a call that was opened and never sent costs no thread, and health and status are not
queued behind Predict.
"""

import contextlib
import importlib
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)

from keras_hyper.serving.server.errors import ServingError
from keras_hyper.serving.server.grpc_messages import (
    check_metadata_fields,
    metadata_response,
    model_of,
    predict_request,
    predict_response,
    status_response,
)
from keras_hyper.serving.server.options import Options
from keras_hyper.serving.server.service import Service

PREDICTION = "tensorflow.serving.PredictionService"
MODEL = "tensorflow.serving.ModelService"
# A caller who sends this with any value gets tensors as packed bytes, which are cheap to read.
CONTENT_KEY = "keras-hyper-tensor-content"
_ABSENT = {
    PREDICTION: ("Classify", "Regress", "MultiInference"),
    MODEL: ("HandleReloadConfigRequest",),
}
HEALTH_NAMES = ("", "PredictionService", "ModelService", PREDICTION, MODEL)


class Handlers:
    """The methods: bytes of a request in, bytes of an answer out.

    Args:
        service: What answers.
        as_content: Whether everyone gets tensors as packed bytes.
    """

    def __init__(self, service: Service, as_content: bool):
        self._service = service
        self._as_content = as_content

    async def predict(self, data: bytes, context) -> bytes:
        """PredictionService.Predict."""
        packed = self._as_content or CONTENT_KEY in dict(context.invocation_metadata() or ())
        return await self._service.predict(
            lambda: predict_request(_parsed(predict_pb2.PredictRequest, data)),
            lambda answer: predict_response(answer, packed).SerializeToString(),
            len(data),
            context.time_remaining(),
            "GRPC",
        )

    async def metadata(self, data: bytes, context) -> bytes:
        """PredictionService.GetModelMetadata."""
        message = _parsed(get_model_metadata_pb2.GetModelMetadataRequest, data)
        model, version, label = model_of(message)
        check_metadata_fields(message)
        found = self._service.metadata(model, version, label)
        return metadata_response(model, *found).SerializeToString()

    async def status(self, data: bytes, context) -> bytes:
        """ModelService.GetModelStatus; a label is not looked at, as in TF-Serving."""
        message = _parsed(get_model_status_pb2.GetModelStatusRequest, data)
        model, version, _ = model_of(message)
        return status_response(self._service.statuses(model, version)).SerializeToString()

    def generic(self) -> list[grpc.GenericRpcHandler]:
        """Returns the handlers of both services, with a plain word on what is absent."""
        methods = {
            PREDICTION: {"Predict": self.predict, "GetModelMetadata": self.metadata},
            MODEL: {"GetModelStatus": self.status},
        }
        for service, names in _ABSENT.items():
            methods[service] |= {name: _absent(name) for name in names}
        return [
            grpc.method_handlers_generic_handler(
                service,
                {
                    name: grpc.unary_unary_rpc_method_handler(_answered(method))
                    for name, method in found.items()
                },
            )
            for service, found in methods.items()
        ]


def _parsed(kind, data):
    try:
        return kind.FromString(data)
    except DecodeError as error:
        # What gRPC itself answers for a request that does not parse.
        raise ServingError(
            grpc.StatusCode.INTERNAL, f"the request is no {kind.DESCRIPTOR.name}: {error}"
        ) from error


def _absent(name):
    async def absent(data, context):
        raise ServingError(
            grpc.StatusCode.UNIMPLEMENTED, f"{name} is not part of this server; Predict is"
        )

    return absent


def _answered(method: Callable[[bytes, Any], Any]):
    async def answered(data, context):
        try:
            return await method(data, context)
        except ServingError as error:
            await context.abort(error.code, error.text)

    return answered


class GrpcServer:
    """A gRPC server with health and reflection.

    Made and used in one event loop.

    Args:
        service: What answers.
        options: Address, limits and certificates.
    """

    def __init__(self, service: Service, options: Options):
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", options.max_message),
                ("grpc.max_send_message_length", -1),
                # Linux would let two servers share a port, each getting half the calls.
                ("grpc.so_reuseport", 0),
                ("grpc.server_handshake_timeout_ms", 20_000),
            ],
            maximum_concurrent_rpcs=options.waiting + 1000,
        )
        handlers = Handlers(service, options.tensor_content).generic()
        self._server.add_generic_rpc_handlers(tuple(handlers))
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        _load_descriptions()
        names = (PREDICTION, MODEL, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        self._options = options

    async def start(self) -> int:
        """Opens the port and returns it; health says NOT_SERVING until it is told otherwise.

        Raises:
            OSError: If it cannot be opened, or a certificate cannot be read.
        """
        await self.set_health(False)
        port = _bound(self._server, self._options)
        await self._server.start()
        return port

    async def set_health(self, serving: bool) -> None:
        """Tells whether requests can be answered."""
        states = health_pb2.HealthCheckResponse
        for name in HEALTH_NAMES:
            await self._health.set(name, states.SERVING if serving else states.NOT_SERVING)

    async def drain(self) -> None:
        """Says NOT_SERVING from now on, and goes on answering."""
        await self._health.enter_graceful_shutdown()

    async def stop(self) -> None:
        """Refuses new calls; those inside get the grace of the options to end."""
        await self._server.stop(self._options.grace)


def _load_descriptions():
    """Puts the files of both services where reflection finds them.

    These modules themselves cannot be imported beside protobuf 4 (they assign to a field that is
    not writable there), but their files are registered by the time that they fail.
    """
    for name in ("prediction_service_pb2", "model_service_pb2"):
        with contextlib.suppress(AttributeError):
            importlib.import_module(f"tensorflow_serving.apis.{name}")


def _bound(server, options):
    host = f"[{options.host}]" if ":" in options.host else options.host
    address = f"{host}:{options.port}"
    try:
        if options.cert is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, _credentials(options))
    except RuntimeError as error:
        raise OSError(f"gRPC cannot listen at {address}: {error}") from error
    if not port:
        raise OSError(f"gRPC cannot listen at {address}: is the port taken?")
    return port


def _credentials(options):
    authorities = options.client_ca and options.client_ca.read_bytes()
    return grpc.ssl_server_credentials(
        [(options.key.read_bytes(), options.cert.read_bytes())],
        root_certificates=authorities,
        require_client_auth=authorities is not None,
    )
