"""grpc-requests, which reads the messages of a server by reflection."""

import base64

import numpy as np
from checks import address, end, image, level, model, refused, same, true
from grpc_requests.client import Client

client = Client.get_by_endpoint(address)
SERVICE = "tensorflow.serving.PredictionService"


def tensor(array, kind):
    """Returns a tensor as a dict of its message's fields; bytes are in base 64."""
    sides = [{"size": side} for side in array.shape]
    content = base64.b64encode(array.tobytes()).decode()
    return {"dtype": kind, "tensor_shape": {"dim": sides}, "tensor_content": content}


def predict(signature="serving_default", pixels=image, kind="DT_FLOAT"):
    """Restores one picture with a signature."""
    inputs = {"image": tensor(pixels, kind), "level": tensor(level, "DT_FLOAT")}
    spec = {"name": model, "signature_name": signature}
    answer = client.request(SERVICE, "Predict", {"model_spec": spec, "inputs": inputs})
    return answer["outputs"]["restored"]


same("restored picture", predict()["float_val"])
pixels = np.rint(image * 255).astype(np.uint8)
bytes_back = np.array(predict("serving_uint8", pixels, "DT_UINT8")["int_val"], np.uint8)
true("restored bytes", bytes_back.size == image.size, f"{bytes_back.size} numbers")
status = client.request(
    "tensorflow.serving.ModelService", "GetModelStatus", {"model_spec": {"name": model}}
)
state = status["model_version_status"][0]["state"]
true("status", state == "AVAILABLE", status)
metadata = client.request(
    SERVICE, "GetModelMetadata",
    {"model_spec": {"name": model}, "metadata_field": ["signature_def"]},
)  # fmt: skip
true("metadata", metadata["model_spec"]["name"] == model, metadata["model_spec"])
refused("unknown signature", lambda: predict("paint"), "FAILED_PRECONDITION", "paint")
refused("wrong type", lambda: predict(pixels=pixels, kind="DT_UINT8"), "INVALID_ARGUMENT")
refused("bytes that do not fit", lambda: predict(pixels=pixels), "INVALID_ARGUMENT", "image")
end()
