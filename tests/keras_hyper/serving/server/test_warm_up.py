import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo

from keras_hyper.export.saved_model import write_warm_up
from keras_hyper.serving.server import warm_up as module
from keras_hyper.serving.server.errors import ServingError, invalid
from keras_hyper.serving.server.version import LoadedVersion
from keras_hyper.serving.server.warm_up import warm_up
from tests.keras_hyper.serving.one_model_server import export_halved


@pytest.fixture
def version(tmp_path):
    """A loaded version of two signatures, its folder and the requests that ran."""
    export_halved(tmp_path)
    loaded, ran = LoadedVersion(tmp_path / "1"), []
    run = loaded.run

    def recorded(name, inputs, **words):
        ran.append((name, inputs["image"].shape))
        return run(name, inputs, **words)

    loaded.run = recorded
    yield loaded, tmp_path / "1", ran
    loaded.close()


def record(folder, **requests):
    write_warm_up(folder, requests)
    return folder / "assets.extra" / "tf_serving_warmup_requests"


def request(rows, side=8):
    return {"image": np.zeros((rows, side, side, 3), np.float32),
            "level": np.zeros(rows, np.float32)}  # fmt: skip


def test_recorded_requests_run_and_the_others_are_generated(version):
    loaded, folder, ran = version
    record(folder, serving_default=request(2))
    costs = warm_up(loaded, folder)
    assert set(costs) == {"serving_default", "serving_uint8"}
    assert ran == [("serving_default", (2, 8, 8, 3)), ("serving_uint8", (1, 64, 64, 3))]
    assert all(cost.unit > 0 for cost in costs.values())


def test_without_a_file_every_signature_has_a_generated_request(version):
    loaded, folder, ran = version
    assert len(warm_up(loaded, folder)) == len(ran) == 2


def test_a_recorded_request_of_other_inputs_is_refused(version):
    loaded, folder, _ = version
    file = record(folder, serving_default={"image": request(1)["image"]})
    with pytest.raises(
        ServingError, match=f"{file}: inputs of serving_default: .'level'."
    ) as error:
        warm_up(loaded, folder)
    assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_truncated_file_is_data_loss(version):
    loaded, folder, _ = version
    file = record(folder, serving_default=request(1))
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ServingError) as error:
        warm_up(loaded, folder)
    assert error.value.code is grpc.StatusCode.DATA_LOSS and str(file) in error.value.text


def test_the_number_of_recorded_requests_is_bounded(version, monkeypatch):
    loaded, folder, _ = version
    record(folder, serving_default=request(1), serving_uint8={
        "image": np.zeros((1, 8, 8, 3), np.uint8), "level": np.zeros(1, np.float32)})  # fmt: skip
    monkeypatch.setattr(module, "MOST_RECORDS", 1)
    with pytest.raises(ServingError, match="has more than 1 requests"):
        warm_up(loaded, folder)


def test_a_generated_request_may_be_invalid_but_not_fail(version):
    loaded, folder, _ = version

    def refuse(*_, **__):
        raise error

    loaded.run, error = refuse, invalid("another model")
    assert warm_up(loaded, folder) == {}
    error = ServingError(grpc.StatusCode.FAILED_PRECONDITION, "no variables")
    with pytest.raises(ServingError, match="no variables"):
        warm_up(loaded, folder)


def test_generated_files_are_pictures():
    shape = tf.TensorShape([None]).as_proto()
    (file,) = module._generated(TensorInfo(dtype=tf.string.as_datatype_enum, tensor_shape=shape))
    assert tf.io.decode_png(file).shape == (64, 64, 3)
