"""min-tfs-client: TF-Serving's API without TensorFlow; it reads only typed fields."""

from checks import VERSION, end, host, image, level, model, port, refused, same
from min_tfs_client.requests import TensorServingClient
from min_tfs_client.tensors import tensor_proto_to_ndarray

client = TensorServingClient(host, int(port))


def predict(image=image, level=level, name=model, version=None):
    """Restores one picture."""
    inputs = {"image": image, "level": level}
    answer = client.predict_request(name, inputs, model_version=version)
    return tensor_proto_to_ndarray(answer.outputs["restored"])


same("restored picture", predict())
same("restored picture by a version", predict(version=VERSION))
refused("unknown model", lambda: predict(name="paint"), "NOT_FOUND", "Latest(paint)")
refused("unknown version", lambda: predict(version=9), "NOT_FOUND", "Specific(", "9")
refused("wrong rank", lambda: predict(image[0]), "INVALID_ARGUMENT")
refused("wrong type", lambda: predict(image.astype("int32")), "INVALID_ARGUMENT")
refused("level NaN", lambda: predict(level=level * float("nan")), "INVALID_ARGUMENT", "finite")
refused("two levels", lambda: predict(level=level.repeat(2)), "INVALID_ARGUMENT")
refused(
    "an input is missing",
    lambda: client.predict_request(model, {"image": image}),
    "INVALID_ARGUMENT",
    "level",
)
end()
