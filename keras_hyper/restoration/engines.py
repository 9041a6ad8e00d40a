"""Engines that run a network's ``model.onnx``, without Keras and TensorFlow."""

import argparse
import ctypes
import importlib.util
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_hyper.errors import WrongArgumentError
from keras_hyper.export.card import hash_files
from keras_hyper.processor import onednn_may_use_bfloat16
from keras_hyper.restoration.restorer import Restorer, open_restorer
from keras_hyper.shipped import shipped_models

if TYPE_CHECKING:
    from keras_hyper.models import LevelEstimator

TENSORFLOW = "tensorflow"
# The first that is installed is the default on a CPU: by docs/speed.md it is the fastest.
ONNX_ENGINES = ("openvino", "onnxruntime")
ENGINES = ("auto", TENSORFLOW, *ONNX_ENGINES)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Adds the argument ``--engine`` of a command."""
    parser.add_argument(
        "--engine", choices=ENGINES, default="auto", help="what runs networks; by default "
        "TensorFlow on a GPU, else the first of openvino and onnxruntime that is installed"
    )  # fmt: skip


# Inputs by name -> the only output.
Run = Callable[[dict[str, np.ndarray]], np.ndarray]


class OnnxRestorer(Restorer):
    """A ``model.onnx`` with its card. Results are clipped to [0, 1].

    A map of levels is restored by the Keras network beside the file.

    Args:
        name: As the user named it.
        path: The file; ``card.json`` is beside it.
        engine: One of `ONNX_ENGINES`.
        precision: ``"float32"``, or ``"auto"``, which is float32 here; for OpenVINO also
            ``"bfloat16"``, which rounds image and result too and loses up to 0.04 dB.
    """

    def __init__(self, name: str, path: Path, engine: str, precision: str = "float32"):
        card = _card_beside(path)
        if "halo" not in card:
            raise WrongArgumentError(f"expected a HyperRes, got a LevelEstimator in {path}")
        super().__init__(name, card["channels"], card)
        # Cards without it are of networks that do.
        self.takes_maps = card.get("takes_maps", True)
        self._path, self._facts = path, f"{engine}, {precision}"
        self._run = compile_onnx(path, engine, precision)
        self._network: Restorer | None = None

    @property
    def identity(self) -> str:
        """See `Restorer`: the hash of the file, with engine and precision."""
        return f"{hash_files([self._path])}, {self._facts}"

    def run(self, image: np.ndarray, level: np.ndarray) -> np.ndarray:
        """See `Restorer`. The file takes one level: a map of levels runs in TensorFlow."""
        if np.ndim(level) > 1:
            self._network = self._network or open_restorer(str(self._path.parent), self.task)
            return self._network.run(image, level)
        inputs = {"image": image[None].astype(np.float32)}
        if self.only_level is None:
            inputs["level"] = np.asarray(level, np.float32)
        return self._run(inputs)[0]


class OnnxEstimator:
    """A level estimator's ``model.onnx`` with its card; see `LevelEstimator` for the attributes.

    Args:
        path: The file; ``card.json`` is beside it.
        engine: One of `ONNX_ENGINES`.
    """

    def __init__(self, path: Path, engine: str):
        card = _card_beside(path)
        if "crop" not in card:
            raise WrongArgumentError(f"expected a LevelEstimator, got a HyperRes in {path}")
        self.task: str = card["task"]
        self.axis: str = card.get("axis", "")
        self.unit: str = card["unit"]
        self.channels: int = card["channels"]
        self.min_side: int = card["min_side"]
        self.level_range: list[float] = card["level_range"]
        self._crop, self._grid, self._rank = card["crop"], card["grid"], card["rank"]
        self._run = compile_onnx(path, engine)

    def over_grid(self, image: np.ndarray, rank: int | None = None) -> np.ndarray:
        """See `LevelEstimator`."""
        crops = [
            image[:, rows, columns]
            for rows in self._crops(image.shape[1])
            for columns in self._crops(image.shape[2])
        ]
        levels = self._run({"image": np.concatenate(crops).astype(np.float32)})
        levels = np.sort(levels.reshape(len(crops), -1), axis=0)
        return np.maximum(levels[self._rank if rank is None else rank], 0.0)

    def _crops(self, side):
        length = min(side, self._crop)
        starts = [(side - length) * step // (self._grid - 1) for step in range(self._grid)]
        return [slice(start, start + length) for start in starts]


def open_onnx(name: str, engine: str) -> tuple[Path, str] | None:
    """Chooses what runs a model.

    Args:
        name: A ``model.onnx``, a ``model.keras`` or a folder with one of them, or the name of a
            model that ships.
        engine: One of `ENGINES`. ``"auto"`` is TensorFlow where it has a GPU, else the first
            engine that is installed if the model has a ``model.onnx`` of this ``model.keras``.

    Returns:
        The file and one of `ONNX_ENGINES`; None for TensorFlow.

    Raises:
        WrongArgumentError: If the engine is not installed, or the model has no such file.
    """
    if engine == TENSORFLOW:
        return None
    path = _onnx_of(Path(name))
    reason = _unusable(path)
    if engine == "auto":
        installed = [one for one in ONNX_ENGINES if importlib.util.find_spec(one)]
        usable = installed and not reason and not (_has_cuda() and _tensorflow_has_gpu())
        return (path, installed[0]) if usable else None
    if reason:
        raise WrongArgumentError(
            f"{reason}: keras-hyper export {name} {path.parent} --format onnx --force writes it"
        )
    if not importlib.util.find_spec(engine):
        raise WrongArgumentError(f"{engine} is missing: pip install '.[{engine}]'")
    return path, engine


def open_estimator(name: str, engine: str) -> "LevelEstimator | OnnxEstimator":
    """Opens a level estimator; arguments and errors as of `open_onnx`."""
    chosen = open_onnx(name, engine)
    if chosen:
        return OnnxEstimator(*chosen)
    from keras_hyper.models import load_level_estimator

    return load_level_estimator(name)


def compile_onnx(path: Path, engine: str, precision: str = "float32") -> Run:
    """Compiles an ONNX file; the result may be called from several threads.

    Args:
        path: The file.
        engine: One of `ONNX_ENGINES`.
        precision: See `OnnxRestorer`; ONNX Runtime has float32 alone.

    Raises:
        WrongArgumentError: If the engine does not have the precision.
    """
    if engine == "openvino":
        return _compile_openvino(path, precision)
    if precision == "bfloat16":
        raise WrongArgumentError("expected --precision float32 with onnxruntime, got bfloat16")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Without a number each thread is bound to a core, and those of all processes to the same ones.
    options.intra_op_num_threads = _threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)[0]


def _compile_openvino(path, precision):
    # The converters of other formats send a message to their maker at every import. Running a file
    # needs none of them, and OpenVINO's own import goes on without them.
    converters = "openvino.tools.ovc"
    without = "openvino" not in sys.modules
    if without:
        sys.modules[converters] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        if without:
            del sys.modules[converters]
    core = openvino.Core()
    in_bfloat16 = precision == "bfloat16"
    # OpenVINO lists it also where oneDNN may not use it, and then fails at the first picture.
    has_bfloat16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if in_bfloat16 and not (has_bfloat16 and onednn_may_use_bfloat16()):
        raise WrongArgumentError("expected --precision float32: this processor has no bfloat16")
    hint = {
        "INFERENCE_PRECISION_HINT": "bf16" if in_bfloat16 else "f32",
        "INFERENCE_NUM_THREADS": str(_threads()),
        # Else the threads of every process are bound to the first cores, which all then share.
        "ENABLE_CPU_PINNING": "NO",
        # Of plans for sizes of pictures, which it keeps. With its own 5000 memory grows for hours.
        "CPU_RUNTIME_CACHE_CAPACITY": "128",
    }
    request = core.compile_model(path, "CPU", hint).create_infer_request()
    lock = threading.Lock()

    def run(inputs):
        with lock:
            return next(iter(request.infer(inputs).values()))

    return run


def _threads() -> int:
    """The number of threads that a scheduler gives a process, as Ray does; else of its cores."""
    given = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if given.isdecimal() and int(given):  # OpenMP passes over other values too
        return int(given)
    allowed = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _onnx_of(path):
    """The path that a model's ``model.onnx`` has, if it exists."""
    if path.suffix == ".onnx":
        return path
    folder = path if path.is_dir() else path.parent if path.exists() else shipped_models() / path
    return folder / "model.onnx"


def _card_beside(path: Path) -> dict[str, Any]:
    return json.loads((path.parent / "card.json").read_text())


def _unusable(path):
    """Why an ONNX file is none, or of another network than the Keras file beside it; or ""."""
    if not path.is_file() or not (path.parent / "card.json").is_file():
        return f"expected {path} with its card.json"
    network = path.parent / "model.keras"
    if network.exists() and _card_beside(path).get("model_keras") != hash_files([network]):
        return f"expected {path} of the network in {network}, which changed since"
    return ""


def _has_cuda() -> bool:
    """Whether CUDA's driver finds a GPU: asked first, because TensorFlow takes seconds to load."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    return not cuda.cuInit(0) and not cuda.cuDeviceGetCount(ctypes.byref(count)) and count.value > 0


def _tensorflow_has_gpu() -> bool:
    from keras_hyper.models.precision import accelerators

    return bool(accelerators())
