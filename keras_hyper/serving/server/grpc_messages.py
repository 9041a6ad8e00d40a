"""The messages of the API to and from what the service speaks of."""

from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
)

from keras_hyper.serving.server.errors import invalid
from keras_hyper.serving.server.request import Request
from keras_hyper.serving.server.service import Answer
from keras_hyper.serving.server.tensors import fill, shape_of, to_array
from keras_hyper.serving.server.version import Version


def predict_request(message: predict_pb2.PredictRequest) -> Request:
    """Returns what a PredictRequest asks for.

    Raises:
        ServingError: INVALID_ARGUMENT without a ModelSpec or a name.
    """
    model, version, label = model_of(message)
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


def model_of(message) -> tuple[str, int | None, str]:
    """Returns name, version (None for the newest) and label of a request's ModelSpec.

    Raises:
        ServingError: INVALID_ARGUMENT without a ModelSpec or a name.
    """
    if not message.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec = message.model_spec
    if not spec.name:
        raise invalid("ModelSpec has no name specified.")
    version = spec.version.value if spec.HasField("version") else None
    return spec.name, version, spec.version_label


def predict_response(answer: Answer, as_content: bool) -> predict_pb2.PredictResponse:
    """Returns the message of an answer; `as_content` packs the tensors' bytes."""
    message = predict_pb2.PredictResponse()
    message.model_spec.name = answer.model
    message.model_spec.version.value = answer.version
    message.model_spec.signature_name = answer.signature
    for name, array in answer.outputs.items():
        fill(message.outputs[name], array, as_content)
    return message


def check_metadata_fields(message: get_model_metadata_pb2.GetModelMetadataRequest) -> None:
    """Checks what is asked for.

    Raises:
        ServingError: INVALID_ARGUMENT unless it is ``signature_def``.
    """
    if not message.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for name in message.metadata_field:
        if name != "signature_def":
            raise invalid(f"Metadata field {name} is not supported")


def metadata_response(model: str, version: int, definitions: dict):
    """Returns a GetModelMetadataResponse with all signatures."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in definitions.items():
        signatures.signature_def[name].CopyFrom(definition)
    message = get_model_metadata_pb2.GetModelMetadataResponse(
        model_spec=model_pb2.ModelSpec(name=model)
    )
    message.model_spec.version.value = version
    message.metadata["signature_def"].Pack(signatures)
    return message


def status_response(versions: list[Version]) -> get_model_status_pb2.GetModelStatusResponse:
    """Returns the states of versions, in their order."""
    message = get_model_status_pb2.GetModelStatusResponse()
    for version in versions:
        status = message.model_version_status.add(version=version.number, state=int(version.state))
        status.status.error_message = version.text
        if version.error:
            status.status.error_code = version.error.code.value[0]
    return message
