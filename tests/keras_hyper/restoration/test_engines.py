"""Engines without Keras, against the Keras networks that ship."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from keras_hyper import HyperRes, LevelEstimator, restore
from keras_hyper.errors import WrongArgumentError
from keras_hyper.export.card import hash_files
from keras_hyper.models import load_hyper_res
from keras_hyper.processor import onednn_may_use_bfloat16
from keras_hyper.restoration import engines
from keras_hyper.restoration.engines import (
    ONNX_ENGINES,
    OnnxEstimator,
    OnnxRestorer,
    compile_onnx,
    open_onnx,
)
from keras_hyper.restoration.picture import estimate
from keras_hyper.restoration.restorer import open_restorer
from keras_hyper.shipped import shipped_models
from pipelines.images import read_picture
from tests.conftest import ROOT

NAME = "denoise_tiny"
LEVELS = np.float32([5, 25, 60])


@pytest.fixture(scope="module")
def network():
    return HyperRes.from_preset(NAME)


@pytest.fixture(scope="module", params=ONNX_ENGINES)
def restorer(request):
    return open_restorer(NAME, "denoise", engine=request.param)


@pytest.mark.parametrize("sides", [(33, 47), (64, 48), (1, 1)])
def test_several_levels_equal_the_sweep_of_the_network(restorer, network, rng, sides):
    image = rng.random((*sides, 3), dtype=np.float32)
    expected = np.clip(network.sweep(image[None], LEVELS), 0, 1)
    for level, one in zip(LEVELS, expected, strict=True):
        np.testing.assert_allclose(restorer.run(image, level), one, atol=1e-4)


def test_tiles_and_kinds_of_pictures_equal_those_of_the_network(restorer, network, rng):
    picture = rng.integers(0, 65536, (100, 131, 4), dtype=np.uint16)
    ours = restorer.restore(picture, 30, tile=32)
    difference = np.abs(ours.astype(int) - restore(picture, 30, network))
    assert ours.dtype == np.uint16 and difference.max() <= 65535 * 1e-4 + 1


def test_map_of_levels_equals_that_of_the_network(restorer, network, rng):
    picture = rng.random((20, 26), dtype=np.float32)
    levels = np.linspace(5, 60, picture.size, dtype=np.float32).reshape(picture.shape)
    ours = restorer.restore(picture, levels)
    np.testing.assert_allclose(ours, restore(picture, levels, network), atol=1e-4)


def test_restorer_has_the_facts_of_the_network(restorer, network):
    for name in ("task", "unit", "channels", "halo", "multiple"):
        assert getattr(restorer, name) == getattr(network, name)
    assert restorer.level_range == tuple(network.level_range)
    other = "onnxruntime" if "openvino" in restorer.identity else "openvino"
    assert open_restorer(NAME, engine=other).identity != restorer.identity


@pytest.mark.parametrize("engine", ONNX_ENGINES)
@pytest.mark.parametrize("sides", [(150, 400), (17, 90)])
def test_estimate_equals_that_of_the_network(photo, engine, sides):
    picture = photo[: sides[0], : sides[1]]
    ours = estimate(picture, OnnxEstimator(*open_onnx("estimate", engine)))
    assert ours == pytest.approx(
        estimate(picture, LevelEstimator.from_preset("estimate")), abs=1e-3
    )


def test_networks_that_ship_have_an_onnx_file_of_the_same_network():
    folders = sorted(path.parent for path in shipped_models().glob("*/model.keras"))
    assert len(folders) >= 9
    for folder in folders:
        assert open_onnx(folder.name, "openvino") == (folder / "model.onnx", "openvino")
        card = json.loads((folder / "card.json").read_text())
        assert card["model_keras"] == hash_files([folder / "model.keras"])


@pytest.mark.parametrize(
    ("started", "counted", "gpus", "expected"),
    [(0, 0, 1, True), (0, 0, 0, False), (100, 0, 1, False), (0, 3, 1, False)],
)
def test_a_gpu_is_what_the_driver_counts(monkeypatch, started, counted, gpus, expected):
    def count_gpus(pointer):
        pointer._obj.value = gpus
        return counted

    driver = mock.Mock()
    driver.cuInit.side_effect = lambda flags: started if flags == 0 else 1
    driver.cuDeviceGetCount.side_effect = count_gpus
    monkeypatch.setattr(engines.ctypes, "CDLL", lambda name: driver)
    assert engines._has_cuda() is expected


@pytest.fixture
def machine(monkeypatch):
    """Pretends that engines are installed, and that TensorFlow has a GPU."""

    def pretend(installed, gpu=False):
        monkeypatch.setattr(
            engines.importlib.util, "find_spec", lambda name: True if name in installed else None
        )
        monkeypatch.setattr(engines, "_has_cuda", lambda: True)
        monkeypatch.setattr(engines, "_tensorflow_has_gpu", lambda: gpu)

    return pretend


@pytest.mark.parametrize(
    ("installed", "gpu", "expected"),
    [
        (ONNX_ENGINES, False, "openvino"),
        (["onnxruntime"], False, "onnxruntime"),
        ([], False, None),
        (ONNX_ENGINES, True, None),
    ],
)
def test_auto_is_the_first_engine_that_is_installed_or_a_gpu(machine, installed, gpu, expected):
    machine(installed, gpu)
    chosen = open_onnx(NAME, "auto")
    assert chosen == (expected and (shipped_models() / NAME / "model.onnx", expected))
    assert open_onnx(NAME, "tensorflow") is None


@pytest.fixture
def stale(tmp_path):
    """A folder whose network is another than that of its ONNX file."""
    shutil.copytree(shipped_models() / NAME, tmp_path / "mine")
    (tmp_path / "mine" / "model.keras").write_bytes(b"newer")
    return tmp_path / "mine"


def test_onnx_file_of_another_network_is_not_used(stale, tmp_path):
    assert open_onnx(str(stale / "model.keras"), "auto") is None
    with pytest.raises(WrongArgumentError, match="which changed since: keras-hyper export"):
        open_onnx(str(stale), "openvino")
    (stale / "model.keras").unlink()
    assert open_onnx(str(stale), "openvino") == (stale / "model.onnx", "openvino")
    assert open_onnx(str(stale / "model.onnx"), "auto")
    (stale / "card.json").unlink()
    assert open_onnx(str(stale), "auto") is None


def test_openvino_in_bfloat16_is_close_to_float32_or_refused(monkeypatch, network, rng):
    path, image = shipped_models() / NAME / "model.onnx", rng.random((32, 48, 3), dtype="float32")
    openvino = pytest.importorskip("openvino")
    listed = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if listed and onednn_may_use_bfloat16():
        exact = OnnxRestorer("x", path, "openvino").run(image, np.float32(25))
        rounded = OnnxRestorer("x", path, "openvino", "bfloat16").run(image, np.float32(25))
        # Half a step of 8 bits near 1, some more within the network.
        assert 0 < np.abs(rounded - exact).max() < 0.03
    for held, capabilities in (("AVX2", ["FP32", "BF16"]), ("DEFAULT", ["FP32"])):
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", held)
        monkeypatch.setattr(openvino.Core, "get_property", lambda *_, found=capabilities: found)
        with pytest.raises(WrongArgumentError, match="this processor has no bfloat16"):
            OnnxRestorer("x", path, "openvino", "bfloat16")


def test_missing_engine_network_and_precision_are_refused(machine, tmp_path):
    path = shipped_models() / NAME / "model.onnx"
    with pytest.raises(WrongArgumentError, match="expected a LevelEstimator, got a HyperRes"):
        OnnxEstimator(path, "openvino")
    with pytest.raises(WrongArgumentError, match="expected a HyperRes, got a LevelEstimator"):
        OnnxRestorer("x", shipped_models() / "estimate" / "model.onnx", "openvino")
    with pytest.raises(WrongArgumentError, match="float32 with onnxruntime, got bfloat16"):
        OnnxRestorer("x", path, "onnxruntime", "bfloat16")
    machine([])
    with pytest.raises(WrongArgumentError, match="openvino is missing: pip install"):
        open_onnx(NAME, "openvino")
    with pytest.raises(WrongArgumentError, match="expected .*nowhere/model.onnx with its card"):
        open_onnx("nowhere", "openvino")


def test_automatic_engine_falls_back_to_keras(stale, network):
    network.save(stale / "model.keras")
    model = open_restorer(str(stale), "denoise", engine="auto").model
    assert model.count_params() == load_hyper_res(NAME).count_params()


def test_restore_and_estimate_load_neither_keras_nor_tensorflow(photo, tmp_path):
    source = str(tmp_path / "in.png")
    Image.fromarray((photo[:60, :80] * 255).astype(np.uint8)).save(source)
    program = f"""
import sys
from keras_hyper.cli import main
for engine in {ONNX_ENGINES}:
    options = ["--engine", engine, "--task", "sr", "--level", "2"]
    assert main(["restore", {source!r}, f"{tmp_path}/{{engine}}.png", *options]) == 0
    assert main(["estimate", {source!r}, "--engine", engine]) == 0
print({{"keras", "tensorflow", "openvino_telemetry", "torch"}} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.splitlines()[-1] == "set()", done.stderr
    for engine in ONNX_ENGINES:
        assert read_picture(tmp_path / f"{engine}.png").shape == (120, 160, 3)


@pytest.mark.parametrize("engine", ONNX_ENGINES)
@pytest.mark.parametrize(
    ("variable", "threads"),
    [
        ("3,2", 3),
        *((other, len(os.sched_getaffinity(0))) for other in ("", "0", "-1", "all", "1.5")),
    ],
)
def test_threads_are_those_that_a_scheduler_gives(engine, variable, threads, monkeypatch):
    module, given = pytest.importorskip(engine), []
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    if engine == "openvino":
        monkeypatch.setattr(
            module.Core, "compile_model",
            lambda core, path, device, hint: given.append(int(hint["INFERENCE_NUM_THREADS"]))
            or mock.Mock(),
        )  # fmt: skip
    else:
        monkeypatch.setattr(
            module, "InferenceSession",
            lambda path, options, providers: given.append(options.intra_op_num_threads),
        )  # fmt: skip
    compile_onnx(Path("model.onnx"), engine)
    assert given == [threads]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="Linux alone lists threads there")
@pytest.mark.parametrize("engine", ONNX_ENGINES)
def test_no_thread_is_bound_to_a_core(engine):
    """Else several processes, as those of shards, all run on the first cores."""
    program = f"""
import os
import numpy as np
from keras_hyper.restoration.engines import OnnxRestorer, open_onnx
network = OnnxRestorer("tiny", *open_onnx("denoise_tiny", {engine!r}))
network.run(np.zeros((64, 64, 3), np.float32), np.float32(25))
print({{frozenset(os.sched_getaffinity(int(task))) for task in os.listdir("/proc/self/task")}}
      == {{frozenset(os.sched_getaffinity(0))}})
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.splitlines()[-1] == "True", done.stdout + done.stderr
