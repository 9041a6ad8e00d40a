"""A small TF-Serving of one folder of versions, with errors on request."""

import contextlib
import threading
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from keras_hyper.export.session import ServingSession


class FakeServer(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """Serves the model "denoise" from open sessions; `faults` are raised first."""

    def __init__(self, sessions: dict[int, ServingSession]):
        self.sessions = dict(sessions)
        self.labels = {}
        self.typed = True
        self.faults = []
        self.seen = []
        self.asked = {}
        self.at_once = self.most_at_once = 0
        self.before = lambda request: None
        self.lock = threading.Lock()

    def Predict(self, request, context):  # noqa: N802 - gRPC names it
        self.before(request)
        self.asked = dict(context.invocation_metadata())
        version, session = self._find(request.model_spec, context)
        weight = request.model_spec.signature_name != "describe"
        with self.lock:
            self.seen.append((request.model_spec.signature_name, version))
            fault = self.faults.pop(0) if self.faults else None
            self.at_once += weight
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if fault:
                context.abort(*fault)
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
            outputs = session.predict(request.model_spec.signature_name, inputs)
        except tf.errors.OpError as error:
            context.abort(_code(error.error_code), error.message)
        finally:
            with self.lock:
                self.at_once -= weight
        response = predict_pb2.PredictResponse()
        response.model_spec.CopyFrom(request.model_spec)
        response.model_spec.version.value = version
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(self._encoded(value))
        return response

    def _encoded(self, value):
        tensor = tf.make_tensor_proto(value)
        if self.typed and tensor.tensor_content:
            tensor.tensor_content = b""
            field = tensor.float_val if value.dtype == np.float32 else tensor.int_val
            field.extend(value.ravel().tolist())
        return tensor

    def _find(self, spec, context):
        if spec.name != "denoise":
            context.abort(
                grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({spec.name})"
            )
        if spec.HasField("version"):
            version = spec.version.value
        elif spec.version_label:
            version = self.labels[spec.version_label]
        else:
            version = max(self.sessions)
        if version not in self.sessions:
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"Servable not found for request: Specific({spec.name}, {version})",
            )
        return version, self.sessions[version]

    def GetModelMetadata(self, request, context):  # noqa: N802 - gRPC names it
        version, session = self._find(request.model_spec, context)
        packed = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in session.signatures.items():
            packed.signature_def[name].CopyFrom(signature)
        packed.signature_def["__saved_model_init_op"].CopyFrom(meta_graph_pb2.SignatureDef())
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = version
        response.metadata["signature_def"].Pack(packed)
        return response

    def GetModelStatus(self, request, context):  # noqa: N802 - gRPC names it
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self.sessions:
            response.model_version_status.add(version=version, state=30)
        if not self.sessions:
            response.model_version_status.add(version=7, state=20)
        return response


def _code(number):
    return next(code for code in grpc.StatusCode if code.value[0] == number)


@contextlib.contextmanager
def serving(servicer, credentials=None, port=0):
    """Serves on a free port of the loopback; yields the address."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(8), options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(servicer, server)
    if credentials is None:
        port = server.add_insecure_port(f"127.0.0.1:{port}")
    else:
        port = server.add_secure_port(f"127.0.0.1:{port}", credentials)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()
