"""One connection to a server: its limits, its security, and the three calls that are made."""

from pathlib import Path

import grpc
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from keras_hyper.serving.client.answers import PredictAnswer

_OPTIONS = {
    # gRPC's own limit of 4 MB is less than one float picture of 600x600.
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": -1,
    # A name that stands for several servers is used as all of them.
    "grpc.lb_policy_name": "round_robin",
    # A server that was restarted is found again soon.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
}


class Channel:
    """The calls of TF-Serving's API that a client makes.

    Args:
        address: ``host:port``.
        credentials: What `grpc.secure_channel` takes; None for an open connection.
        options: Further options of the channel by name; they come before ours.
    """

    def __init__(self, address, credentials=None, options=None):
        options = list({**_OPTIONS, **(options or {})}.items())
        self.channel = (
            grpc.insecure_channel(address, options)
            if credentials is None
            else grpc.secure_channel(address, credentials, options)
        )
        self.predict = self._call(
            "PredictionService/Predict", predict_pb2.PredictRequest, PredictAnswer
        )
        self.metadata = self._call(
            "PredictionService/GetModelMetadata",
            get_model_metadata_pb2.GetModelMetadataRequest,
            get_model_metadata_pb2.GetModelMetadataResponse,
        )
        self.status = self._call(
            "ModelService/GetModelStatus",
            get_model_status_pb2.GetModelStatusRequest,
            get_model_status_pb2.GetModelStatusResponse,
        )

    def _call(self, name, request, answer):
        return self.channel.unary_unary(
            f"/tensorflow.serving.{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString,
        )

    def close(self) -> None:
        """Ends the connection and what is under way on it."""
        self.channel.close()


def tls(
    authority: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> grpc.ChannelCredentials:
    """Returns credentials of a connection by TLS.

    Args:
        authority: PEM file of who may vouch for the server; None for those that gRPC knows.
        certificate: PEM file of this client's certificate, where the server asks for one.
        key: PEM file of its key.

    Raises:
        ValueError: If of certificate and key one is missing.
        OSError: If a file cannot be read.
    """
    if (certificate is None) != (key is None):
        raise ValueError("a client's certificate and its key go together; one is missing")
    files = (authority, key, certificate)
    return grpc.ssl_channel_credentials(*(path and Path(path).read_bytes() for path in files))
