"""A server in a process of its own, for the benchmarks that ask one."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.models import load_hyper_res, load_level_estimator
from keras_hyper.shipped import shipped_models

NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def export_tiny(folder: Path) -> None:
    """Writes the tiny denoiser and its estimator as a model's first version, beside its files."""
    shutil.copytree(shipped_models() / "denoise_tiny", folder)
    estimator = load_level_estimator("estimate")
    export_saved_model(load_hyper_res("denoise_tiny"), folder, estimator=estimator)


@contextmanager
def served(models: Path, *flags: str) -> Iterator[Any]:
    """Serves a folder of models while the block runs.

    Args:
        models: The folder.
        *flags: Further ones of ``keras-hyper serve``.

    Yields:
        The stub of its PredictionService, and the process's number.
    """
    command = [sys.executable, "-m", "keras_hyper", "serve", "--models", str(models)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--rest-port", "-1", *flags],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        port = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())[1]
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=NO_LIMIT) as channel:
            yield prediction_service_pb2_grpc.PredictionServiceStub(channel), process.pid
    finally:
        process.terminate()
        process.wait()


def request_for(
    model: str, signature: str, image: np.ndarray, level: np.ndarray
) -> predict_pb2.PredictRequest:
    """Returns a PredictRequest; the arrays go in packed bytes."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(image))
    request.inputs["level"].CopyFrom(tf.make_tensor_proto(level))
    return request


def cpu_seconds(process: int) -> float:
    """Returns the processor time that a process has used, on Linux."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
