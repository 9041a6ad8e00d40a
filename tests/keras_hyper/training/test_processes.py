import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_hyper.errors import WrongArgumentError
from keras_hyper.training import processes
from keras_hyper.training.processes import ALONE, Processes, join, place

HOSTS = ["a:1", "b:2", "c:3"]


@pytest.mark.parametrize(
    ("hosts", "index", "environment", "expected"),
    [
        (HOSTS, 2, {}, (2, 3)),
        (HOSTS, 0, {"SLURM_PROCID": "1", "SLURM_NTASKS": "9"}, (0, 3)),
        (HOSTS, None, {"JOB_COMPLETION_INDEX": "1"}, (1, 3)),
        (HOSTS[:1], None, {"SLURM_PROCID": "3", "SLURM_NTASKS": "4"}, (3, 4)),
        (
            HOSTS[:1],
            None,
            {"KERAS_DISTRIBUTION_PROCESS_ID": "1", "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"},
            (1, 2),
        ),
    ],
)
def test_place_is_that_of_the_options_else_of_the_scheduler(hosts, index, environment, expected):
    assert place(hosts, index, environment) == expected


@pytest.mark.parametrize(
    ("hosts", "index", "environment", "words"),
    [
        (["a"], 0, {}, "expected HOST:PORT in --hosts, got 'a'"),
        (["a:1", ""], 0, {}, "expected HOST:PORT in --hosts, got ''"),
        (HOSTS, 3, {}, "expected a host index of 0 to 2, got 3"),
        (HOSTS, None, {}, "expected --host-index or one of KERAS_.*JOB_COMPLETION_INDEX, got none"),
        (["a:1"], 0, {}, "expected several --hosts or one of .*SLURM_NTASKS, got none"),
        (HOSTS, None, {"SLURM_PROCID": "x"}, "expected a number in SLURM_PROCID, got 'x'"),
    ],
)
def test_wrong_place_is_refused(hosts, index, environment, words):
    with pytest.raises(WrongArgumentError, match=words):
        place(hosts, index, environment)


def test_run_without_hosts_is_one_process():
    assert join(None, None, {"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, 0) == ALONE


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="the refusal of other backends")
@pytest.mark.parametrize(
    ("hosts", "environment"),
    [("a:1,b:2", {}), (None, {"KERAS_DISTRIBUTION_JOB_ADDRESSES": "a:1"})],
)
def test_processes_need_jax(hosts, environment):
    with pytest.raises(WrongArgumentError, match="expected KERAS_BACKEND=jax with --hosts, got"):
        join(hosts, 0, environment, 0)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="GPUs of TensorFlow")
def test_all_gpus_are_used_under_tensorflow(monkeypatch):
    monkeypatch.setattr(processes, "accelerators", lambda: ["gpu:0", "gpu:1"])
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda gpus: gpus)
    both = join(None, None, {}, 0)
    assert both == Processes(devices=2, strategy=["gpu:0", "gpu:1"])
    with pytest.raises(WrongArgumentError, match="--batch as a multiple of 2, .* got 3"):
        both.check_batch(3)
    both.check_device(None)
    with pytest.raises(WrongArgumentError, match="no --device with 2 GPUs .*, got /gpu:0"):
        both.check_device("/gpu:0")
    ALONE.check_device("/gpu:0")
    policy = both.rows(pairs(4, 2)).options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.OFF


def test_batch_is_a_multiple_of_the_devices():
    Processes(0, 2, 4).check_batch(8)
    with pytest.raises(WrongArgumentError, match="--batch as a multiple of 4, .* got 6"):
        Processes(0, 2, 4).check_batch(6)


def pairs(pictures, batch):
    numbers = np.arange(pictures, dtype=np.float32)
    return tf.data.Dataset.from_tensor_slices(({"image": numbers}, -numbers)).batch(batch)


def test_rows_of_all_processes_are_the_batch():
    for drop in (False, True):  # lengths that are known only at run time, and before
        whole = pairs(12, 6).unbatch().batch(6, drop_remainder=drop)
        parts = [Processes(index, 3, 3).rows(whole).as_numpy_iterator() for index in range(3)]
        for number, batches in enumerate(zip(*parts, strict=True)):
            images = np.concatenate([inputs["image"] for inputs, _ in batches])
            targets = np.concatenate([target for _, target in batches])
            np.testing.assert_array_equal(images, 6 * number + np.arange(6))
            np.testing.assert_array_equal(targets, -images)
    assert ALONE.rows(whole) is whole


@pytest.mark.parametrize(("pictures", "devices"), [(24, 8), (3, 2), (1, 16), (22, 2)])
def test_validation_divides_and_has_every_picture_equally_often(pictures, devices):
    found = [Processes(index, devices, devices).validation(pairs(pictures, 8)) for index in (0, 1)]
    lengths = [[len(target) for _, target in part.as_numpy_iterator()] for part in found]
    assert lengths[0] == lengths[1] and len(lengths[0]) == int(found[0].cardinality())
    assert len(set(lengths[0])) == 1 and lengths[0][0] <= 8
    every = Processes(0, 1, devices).validation(pairs(pictures, 8)).as_numpy_iterator()
    images = np.concatenate([inputs["image"] for inputs, _ in every])
    assert len(images) == devices * sum(lengths[0])
    _, counts = np.unique(images, return_counts=True)
    assert len(counts) == pictures and len(set(counts)) == 1


def test_validation_of_one_device_is_as_it_is():
    whole = pairs(3, 2)
    assert ALONE.validation(whole) is whole


def test_processes_that_start_at_different_steps_are_refused(tmp_path, monkeypatch):
    ALONE.check_step(4, tmp_path)
    monkeypatch.setattr(Processes, "all_of", lambda self, value: np.array([value, 0]))
    with pytest.raises(ValueError, match=r"to be one folder for all processes, got steps \[4, 0\]"):
        ALONE.check_step(4, tmp_path)


@pytest.mark.parametrize(("error", "expected", "status"), [
    (ValueError("UNKNOWN: Gloo failed"), RuntimeError("process 1 of 2 ended or does not"), 1),
    (OSError("disk full"), OSError("disk full"), 1),
    (WrongArgumentError("UNKNOWN level"), WrongArgumentError("UNKNOWN level"), 2),
])  # fmt: skip
def test_error_ends_one_of_several_processes_and_names_a_dead_one(
    error, expected, status, monkeypatch
):
    registered = []
    monkeypatch.setattr(processes.atexit, "register", lambda *args: registered.append(args[1]))
    monkeypatch.setattr(Processes, "_silent", lambda self: ["1"])
    with pytest.raises(type(expected), match=str(expected)), Processes(0, 2, 2).together():
        raise error
    assert registered == [status]
    with pytest.raises(type(error)), ALONE.together():
        raise error
    assert registered == [status]
