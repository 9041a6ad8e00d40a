"""The API over gRPC.

On asyncio, so that an open call without a request takes no thread, and health and status do not
queue behind Predict.
"""

import asyncio
import contextlib
import importlib
from collections.abc import Callable

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from keras_hyper.serving.server.access_log import REQUEST_ID, request_id
from keras_hyper.serving.server.bodies import scanned
from keras_hyper.serving.server.certificates import Certificates
from keras_hyper.serving.server.config import Options
from keras_hyper.serving.server.errors import ServingError, invalid
from keras_hyper.serving.server.refusals import Refusals
from keras_hyper.serving.server.request import Request, check_sizes
from keras_hyper.serving.server.service import Answer, Service
from keras_hyper.serving.server.tensors import fill, shape_of, to_array
from keras_hyper.serving.server.version import Lease

PREDICTION = "tensorflow.serving.PredictionService"
MODEL = "tensorflow.serving.ModelService"
# A client that sends this metadata with any value receives tensors as packed bytes.
CONTENT_KEY = "keras-hyper-tensor-content"
_UNIMPLEMENTED = {
    PREDICTION: ("Classify", "Regress", "MultiInference"),
    MODEL: ("HandleReloadConfigRequest",),
}
# Seconds without a call after which a server that stops ends what gRPC leaves open.
_QUIET = 0.25
HEALTH_NAMES = ("", "PredictionService", "ModelService", PREDICTION, MODEL)


def predict_request(message: predict_pb2.PredictRequest) -> Request:
    """Returns the request of a PredictRequest.

    Raises:
        ServingError: INVALID_ARGUMENT without a ModelSpec or a name.
    """
    model, version, label = _model_of(message)
    return Request(
        model,
        lambda definition: message.inputs,
        lambda name, tensor: shape_of(tensor),
        lambda name, tensor, info: to_array(name, tensor),
        version,
        label,
        message.model_spec.signature_name,
        tuple(message.output_filter),
    )


def _model_of(message):
    """Returns name, version (None for the newest) and label of a request's ModelSpec."""
    if not message.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec = message.model_spec
    if not spec.name:
        raise invalid("ModelSpec has no name specified.")
    return spec.name, spec.version.value if spec.HasField("version") else None, spec.version_label


def _parsed(kind, data):
    try:
        return kind.FromString(data)
    except DecodeError as error:
        # gRPC's own code for a request that cannot be parsed.
        raise ServingError(
            grpc.StatusCode.INTERNAL, f"expected a {kind.DESCRIPTOR.name}: {error}"
        ) from error


class _Handlers:
    """The methods: bytes of a request to bytes of an answer."""

    def __init__(self, service: Service, options: Options):
        self._service = service
        self._as_content = options.tensor_content
        self._max_pixels = options.max_pixels
        self.refusals = Refusals(options.max_queue)
        self.calls = 0

    async def predict(self, data, context):
        metadata = dict(context.invocation_metadata() or ())
        as_content = self._as_content or CONTENT_KEY in metadata
        name = request_id(metadata.get(REQUEST_ID, ""))
        context.set_trailing_metadata(((REQUEST_ID, name),))

        def response(answer: Answer) -> bytes:
            message = predict_pb2.PredictResponse()
            message.model_spec.name = answer.model
            message.model_spec.version.value = answer.version
            message.model_spec.signature_name = answer.signature
            for name, array in answer.outputs.items():
                fill(message.outputs[name], array, as_content)
            return message.SerializeToString()

        def cost():
            found = scanned(data)
            # Before the parser, which copies the tensors and blocks other threads.
            check_sizes(found.shapes, self._max_pixels)
            return found.cost

        # The answer's memory, until the client has taken it or the call has ended.
        lease = Lease()
        context.add_done_callback(lambda _: lease.release())
        seconds = context.time_remaining()
        async with self._service.call("GRPC", seconds, name) as call:
            self._service.reserve(call, len(data))
            answer = await self._service.predict(
                call,
                cost,
                lambda: predict_request(_parsed(predict_pb2.PredictRequest, data)),
                response,
            )
            return self._service.hand_over(call, answer, lease)

    async def metadata(self, data, context):
        message = _parsed(get_model_metadata_pb2.GetModelMetadataRequest, data)
        model, version, label = _model_of(message)
        if not message.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for name in message.metadata_field:
            if name != "signature_def":
                raise invalid(f"Metadata field {name} is not supported")
        number, definitions = self._service.metadata(model, version, label)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in definitions.items():
            signatures.signature_def[name].CopyFrom(definition)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = model
        response.model_spec.version.value = number
        response.metadata["signature_def"].Pack(signatures)
        return response.SerializeToString()

    async def status(self, data, context):
        """Ignores a label, as TF-Serving does."""
        message = _parsed(get_model_status_pb2.GetModelStatusRequest, data)
        model, number, _ = _model_of(message)
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self._service.statuses(model, number):
            one = response.model_version_status.add(
                version=version.number, state=int(self._service.state_of(version))
            )
            one.status.error_message = version.text
            if version.error:
                one.status.error_code = version.error.code.value[0]
        return response.SerializeToString()

    def generic(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Returns the handlers of both services; absent methods answer UNIMPLEMENTED."""

        def unimplemented(name):
            async def refuse(data, context):
                text = f"{name} is not part of this server; Predict is"
                raise ServingError(grpc.StatusCode.UNIMPLEMENTED, text)

            return refuse

        methods: dict[str, dict[str, Callable]] = {
            PREDICTION: {"Predict": self.predict, "GetModelMetadata": self.metadata},
            MODEL: {"GetModelStatus": self.status},
        }
        for service, names in _UNIMPLEMENTED.items():
            methods[service] |= {name: unimplemented(name) for name in names}
        return tuple(
            grpc.method_handlers_generic_handler(
                service, {name: self._handler(method) for name, method in found.items()}
            )
            for service, found in methods.items()
        )

    def _handler(self, method):
        """Returns a unary handler, which is one of a stream: gRPC reads only when it is asked to.

        It would keep the message of the other kind until the call has ended.
        """

        def leave(context):
            self.calls -= 1

        async def answered(data, context):
            try:
                return await method(data, context), None
            except ServingError as error:
                # Not the error, whose frames hold the message.
                return None, (error.code, error.text)

        async def with_status(messages, context):
            data = await context.read()
            if data is grpc.aio.EOF:  # no message: the call has ended, or gRPC refused it
                raise asyncio.CancelledError
            self.calls += 1
            context.add_done_callback(leave)
            size, (answer, refusal) = len(data), await answered(data, context)
            if refusal:
                del data
                await self.refusals.wait(refusal[0], size, context.time_remaining())
                await context.abort(*refusal)
            return answer

        return grpc.stream_unary_rpc_method_handler(with_status)


class GrpcServer:
    """A gRPC server with health and reflection; made and used in one event loop.

    Args:
        service: The API.
        options: Address and limits.
        certificates: For TLS; None for none.
    """

    def __init__(
        self, service: Service, options: Options, certificates: Certificates | None = None
    ):
        self._server = grpc.aio.server(
            interceptors=[service.traces.interceptor] if service.traces else [],
            options=[
                ("grpc.max_receive_message_length", options.max_message),
                ("grpc.max_send_message_length", -1),
                # Otherwise Linux lets two servers share a port, each with half the calls.
                ("grpc.so_reuseport", 0),
                ("grpc.server_handshake_timeout_ms", 20_000),
                ("grpc.max_connection_idle_ms", round(1000 * options.idle)),
                *options.channel_arguments,
            ],
            maximum_concurrent_rpcs=options.max_queue + 1000,
        )
        self._handlers = _Handlers(service, options)
        self._server.add_generic_rpc_handlers(self._handlers.generic())
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        # Registers the files of both services for reflection. Protobuf 4 cannot import these
        # modules: they assign to a read-only field, after their files are registered.
        for name in ("prediction_service_pb2", "model_service_pb2"):
            with contextlib.suppress(AttributeError):
                importlib.import_module(f"tensorflow_serving.apis.{name}")
        names = (PREDICTION, MODEL, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        self._options = options
        self._certificates = certificates

    async def start(self) -> int:
        """Opens the port and returns it; health is NOT_SERVING at first.

        Raises:
            OSError: If it cannot be opened.
        """
        await self.set_health(False)
        options = self._options
        host = f"[{options.host}]" if ":" in options.host else options.host
        address = f"{host}:{options.port}"
        try:
            if self._certificates is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, self._certificates.credentials)
        except RuntimeError as error:
            raise OSError(f"gRPC cannot open {address}: {error}") from error
        if not port:
            raise OSError(f"gRPC cannot open {address}: is the port in use?")
        await self._server.start()
        return port

    async def set_health(self, serving: bool) -> None:
        """Sets the health to SERVING or NOT_SERVING."""
        states = health_pb2.HealthCheckResponse
        for name in HEALTH_NAMES:
            await self._health.set(name, states.SERVING if serving else states.NOT_SERVING)

    async def drain(self) -> None:
        """Sets the health to NOT_SERVING for good; requests are still answered."""
        self._handlers.refusals.end()
        await self._health.enter_graceful_shutdown()

    async def stop(self) -> None:
        """Refuses new calls and waits for running ones, at most the seconds of `grace`."""
        stopped = asyncio.ensure_future(self._server.stop(self._options.grace))
        quiet = 0
        while quiet < 2 and not stopped.done():
            await asyncio.wait([stopped], timeout=_QUIET)
            quiet = 0 if self._handlers.calls else quiet + 1
        # gRPC accepts calls that come just as it stops, and never answers them.
        await self._server.stop(None)
        await stopped
