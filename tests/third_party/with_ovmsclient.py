"""ovmsclient, Intel's client of the same API: gRPC, and REST for the status."""

import ovmsclient
from checks import VERSION, address, end, image, level, model, refused, rest, same, true

client = ovmsclient.make_grpc_client(address)
inputs = {"image": image, "level": level}


def predict(inputs=inputs, name=model, version=VERSION):
    """Restores one picture; this client always sends a version, and 0 means none."""
    return client.predict(inputs, name, version)


same("restored picture", predict())
status = client.get_model_status(model, VERSION)
true("status", status[VERSION]["state"] == "AVAILABLE", status)
metadata = client.get_model_metadata(model, VERSION)
true("metadata", set(metadata["inputs"]) == {"image", "level"}, metadata["inputs"])
refused("unknown model", lambda: predict(name="paint"), "ModelNotFound", "paint")
refused("unknown version", lambda: predict(version=9), "ModelNotFound", "Specific(", "9")
refused("an input is missing", lambda: predict({"image": image}), "InvalidInput", "level")
refused("wrong rank", lambda: predict({"image": image[0], "level": level}), "InvalidInput")
refused("wrong type", lambda: predict({"image": image.astype("uint8"), "level": level}), "Invalid")
refused("level NaN", lambda: predict({"image": image, "level": level * float("nan")}), "Invalid")
refused("unknown model's status", lambda: client.get_model_status("paint", 1), "NotFound")
over_rest = ovmsclient.make_http_client(rest)
status = over_rest.get_model_status(model, VERSION)
true("status over REST", status[VERSION]["state"] == "AVAILABLE", status)
same("restored picture over REST", over_rest.predict(inputs, model, VERSION))
refused("unknown model over REST", lambda: over_rest.predict(inputs, "paint", 1), "NotFound")
end()
