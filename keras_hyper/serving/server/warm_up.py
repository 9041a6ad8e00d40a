"""The requests that a version runs before it is available, and the memory that they take."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import config_pb2
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from keras_hyper.export.card import read_card
from keras_hyper.serving.server.cost import Cost, measured
from keras_hyper.serving.server.errors import ServingError, invalid
from keras_hyper.serving.server.request import units_of
from keras_hyper.serving.server.tensors import to_array

if TYPE_CHECKING:
    from keras_hyper.serving.server.version import LoadedVersion

# TF-Serving's limit of records in a warm-up file.
MOST_RECORDS = 1000
_DEFAULT = "serving_default"
_PROBE_SIDE = 64


def warm_up(version: "LoadedVersion", folder: Path) -> dict[str, Cost]:
    """Runs the requests of the warm-up file, and a generated one for each other signature.

    Returns:
        The `Cost` of each signature whose request ran, from the largest of its requests.

    Raises:
        ServingError: If one fails, as with missing variables; the version must not be served.
    """
    costs: dict[str, Cost] = {}
    most = read_card(folder).get("whole_pixels")
    file = folder / "assets.extra" / "tf_serving_warmup_requests"
    try:
        for name, inputs in _recorded(version, file) if file.is_file() else ():
            cost = _measured(version, name, inputs, most)
            costs[name] = max(cost, costs.get(name, cost), key=lambda one: one.unit)
    except (tf.errors.DataLossError, DecodeError) as error:
        raise ServingError(grpc.StatusCode.DATA_LOSS, f"{file}: {error}") from error
    for name in version.signatures.keys() - costs.keys():
        definition = version.signatures[name]
        inputs = {key: _generated(info) for key, info in definition.inputs.items()}
        try:
            costs[name] = _measured(version, name, inputs, most)
        except ServingError as error:
            # The generated request may be invalid for this model; other errors are the model's.
            if error.code is not grpc.StatusCode.INVALID_ARGUMENT:
                raise
    return costs


def _recorded(version, file) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    for count, record in enumerate(tf.data.TFRecordDataset(str(file)).as_numpy_iterator(), 1):
        if count > MOST_RECORDS:
            raise invalid(f"{file} has more than {MOST_RECORDS} requests")
        request = PredictionLog.FromString(record).predict_log.request
        inputs = {name: to_array(name, tensor) for name, tensor in request.inputs.items()}
        name = request.model_spec.signature_name or _DEFAULT
        different = set(version.signature(name).inputs) ^ set(inputs)
        if different:
            raise invalid(f"{file}: inputs of {name}: {sorted(different)}")
        yield name, inputs


def _generated(info):
    sides = [dimension.size for dimension in info.tensor_shape.dim]
    shape = [1 if side < 0 else side for side in sides[:1]]
    shape += [_PROBE_SIDE if side < 0 else side for side in sides[1:]]
    if info.dtype == tf.string.as_datatype_enum:
        picture = tf.io.encode_png(np.zeros((_PROBE_SIDE, _PROBE_SIDE, 3), np.uint8)).numpy()
        return np.full(shape, picture, object)
    return np.ones(shape, tf.as_dtype(info.dtype).as_numpy_dtype)


def _measured(version, name, inputs, most):
    """Runs a request; returns its cost."""
    trace = config_pb2.RunMetadata()
    outputs = version.run(name, inputs, trace=trace)
    units = max(1, units_of(inputs))
    return measured(trace, units, _bytes(inputs), _bytes(outputs), most)


def _bytes(arrays):
    return sum(
        sum(map(len, array.flat)) if array.dtype == object else array.nbytes
        for array in arrays.values()
    )
