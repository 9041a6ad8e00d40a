"""The requests that a version must answer before it is called available."""

from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from keras_hyper.serving.server.errors import ServingError
from keras_hyper.serving.server.loaded import DEFAULT_SIGNATURE, LoadedVersion
from keras_hyper.serving.server.tensors import to_array

# TF-Serving refuses files with more.
MOST_RECORDS = 1000
_SIDE = 16


def warm_up(version: LoadedVersion, folder: Path) -> int:
    """Runs the warm-up file of an export, or one made-up request a signature if it has none.

    A version that loads need not run: variables may be missing.

    Args:
        version: The loaded version.
        folder: Its folder.

    Returns:
        How many requests ran.

    Raises:
        ServingError: If one fails; the version must not be served then.
    """
    file = folder / "assets.extra" / "tf_serving_warmup_requests"
    if not file.is_file():
        return _probe(version)
    count = 0
    for record in _records(file):
        if count == MOST_RECORDS:
            raise ServingError(
                grpc.StatusCode.INVALID_ARGUMENT, f"{file} has more than {MOST_RECORDS} requests"
            )
        _replay(version, record, file)
        count += 1
    return count


def _records(file):
    try:
        yield from tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    except tf.errors.DataLossError as error:
        raise ServingError(grpc.StatusCode.DATA_LOSS, f"{file}: {error.message}") from error


def _replay(version, record, file):
    try:
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
    except DecodeError as error:
        raise ServingError(grpc.StatusCode.DATA_LOSS, f"{file}: {error}") from error
    inputs = {name: to_array(name, tensor) for name, tensor in request.inputs.items()}
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    missing = set(version.signature(name).inputs) ^ set(inputs)
    if missing:
        raise ServingError(
            grpc.StatusCode.INVALID_ARGUMENT, f"{file}: inputs of {name}: {sorted(missing)}"
        )
    version.run(name, inputs)


def _probe(version):
    for name, definition in version.signatures.items():
        inputs = {key: _made_up(info) for key, info in definition.inputs.items()}
        try:
            version.run(name, inputs)
        except ServingError as error:
            # What is made up may be no request of this model; what it cannot run is no model.
            if error.code is not grpc.StatusCode.INVALID_ARGUMENT:
                raise
    return len(version.signatures)


def _made_up(info):
    sides = [dimension.size for dimension in info.tensor_shape.dim]
    inner = [_SIDE if side < 0 else side for side in sides[1:]]
    shape = [1 if side < 0 else side for side in sides[:1]] + inner
    if info.dtype == tf.string.as_datatype_enum:
        picture = tf.io.encode_png(np.zeros((_SIDE, _SIDE, 3), np.uint8)).numpy()
        return np.full(shape, picture, object)
    return np.ones(shape, tf.as_dtype(info.dtype).as_numpy_dtype)
