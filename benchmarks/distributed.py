"""Training by two processes, or two devices, against one, and what happens when one process dies.

python -m benchmarks.distributed                                  about ten minutes on two cores
python -m benchmarks.distributed --blocks 16 --filters 64 --double               the paper's network
python -m benchmarks.distributed --tensorflow                     two devices of one process
python -m benchmarks.distributed --speed --blocks 1 --filters 64 --patch 48      two idle cores

Needs the extra `jax`, but for `--tensorflow`.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_hyper.models import load_hyper_res
from pipelines import SAMPLE_PICTURES

ROOT = Path(__file__).resolve().parents[1]
# One device a process, and XLA compiles such a small network faster without optimisation.
FLAGS = "--xla_backend_optimization_level=0"
# Makes devices of the processor, and lets the run find them as if they were GPUs.
_MIRRORED = """
import sys
import tensorflow as tf
count = int(sys.argv.pop(1))
one = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [one] * count)
import train
from keras_hyper.training import processes
processes.accelerators = lambda: [f"cpu:{index}" for index in range(count)]
sys.exit(train.main(sys.argv[1:]))
"""
# Trains in float64. What float32 rounds, Adam makes larger at every step.
_DOUBLE = """
import sys
import jax
import keras
import train
from keras_hyper.models import precision
jax.config.update("jax_enable_x64", True)
keras.config.set_floatx("float64")
precision._POLICIES["float32"] = "float64"
sys.exit(train.main(sys.argv[1:]))
"""
_SIZE = {"blocks": 1, "filters": 8, "batch": 8, "patch": 16}


def command(
    out: Path, steps: int, validate_every: int, double: bool = False, **size: int
) -> list[str]:
    """Returns the command that trains a network, by default a tiny one; `double` is in float64."""
    sizes = [word for name, value in (_SIZE | size).items() for word in (f"--{name}", str(value))]
    program = ["-c", _DOUBLE] if double else ["train.py"]
    return [
        sys.executable, *program, "--task", "denoise", "--levels", "5", "50", "--out", str(out),
        "--data", str(SAMPLE_PICTURES), "--steps", str(steps),
        "--validate-every", str(validate_every), "--precision", "float32", *sizes,
    ]  # fmt: skip


def start(
    words: Sequence[str], log: Path, devices: int = 1, flags: str = FLAGS, **environment: str
) -> subprocess.Popen:
    """Starts one process under JAX.

    Args:
        words: The command.
        log: Gets what it prints, at its end.
        devices: Number of devices that JAX makes of the processor.
        flags: Of XLA.
        environment: More variables.
    """
    flags = f"{flags} --xla_force_host_platform_device_count={devices}"
    given = {"KERAS_BACKEND": "jax", "XLA_FLAGS": flags, "PYTHONPATH": str(ROOT), **environment}
    with log.open("a") as file:
        return subprocess.Popen(
            words, cwd=ROOT, env={**os.environ, **given}, stdout=file, stderr=subprocess.STDOUT
        )


def start_pair(
    words: Sequence[str], folder: Path, flags: str = FLAGS, **environment: str
) -> list[subprocess.Popen]:
    """Starts both processes as a scheduler does, which gives each its number."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    words = [*words, "--hosts", f"127.0.0.1:{port},127.0.0.1:{port + 1}"]
    return [
        start(words, folder / f"{n}.log", 1, flags, JOB_COMPLETION_INDEX=str(n), **environment)
        for n in range(2)
    ]


def start_mirrored(words: Sequence[str], folder: Path, devices: int = 2) -> list[subprocess.Popen]:
    """Starts one process of several devices under TensorFlow; arguments as of `start`."""
    words = [sys.executable, "-c", _MIRRORED, str(devices), *words[2:]]
    return [start(words, folder / "0.log", KERAS_BACKEND="tensorflow")]


def largest_difference(first: Path, second: Path) -> float:
    """Returns the largest difference of two networks' weights."""
    networks = [load_hyper_res(str(out / "denoise")) for out in (first, second)]
    both = zip(*(network.get_weights() for network in networks), strict=True)
    return max(float(np.abs(one - other).max()) for one, other in both)


def interrupt(processes: list[subprocess.Popen], index: int, number: int, out: Path) -> float:
    """Sends a signal after the first checkpoint; returns the seconds until both ended."""
    while not (out / "denoise" / "checkpoint.keras").exists():
        if any(process.poll() is not None for process in processes):
            raise RuntimeError("expected a checkpoint, got the end of a process")
        time.sleep(0.2)
    processes[index].send_signal(number)
    begin = time.monotonic()
    for process in processes:
        process.wait()
    return time.monotonic() - begin


def last_words(log: Path) -> str:
    """Returns the line of a log that says why the process ended."""
    lines = [line for line in log.read_text().splitlines() if "train.py:" in line or "task" in line]
    return lines[-1][:600] if lines else "no line"


CASES = {
    "undisturbed": None,
    "kill -9 of process 1": (1, signal.SIGKILL),
    "kill -9 of process 0": (0, signal.SIGKILL),
    "SIGTERM to process 1": (1, signal.SIGTERM),
}
# Of one process of two devices.
MIRRORED_CASES = {
    "undisturbed": None,
    "kill -9": (0, signal.SIGKILL),
    "SIGTERM": (0, signal.SIGTERM),
}


def row_of(
    name: str, folder: Path, alone: Path, steps: int, mirrored: bool = False, **size: int
) -> str:
    """Runs a case in `folder`; returns its row of the table.

    Raises:
        RuntimeError: If a run fails that should not.
    """
    begin, event = (start_mirrored, MIRRORED_CASES[name]) if mirrored else (start_pair, CASES[name])
    words, ended, said = command(folder / "out", steps, 10, **size), "", ""
    processes = begin(words, folder)
    if event:
        ended = f"{interrupt(processes, *event, folder / 'out'):.0f} s"
        said = last_words(folder / f"{len(processes) - 1 - event[0]}.log")
    statuses = [process.wait() for process in processes]
    # A scheduler's processes find out by themselves whether to resume.
    words = [*words, "--resume"] if mirrored else words
    again = [process.wait() for process in begin(words, folder)] if event else statuses
    if any(again):
        raise RuntimeError((folder / "0.log").read_text()[-2000:])
    difference = largest_difference(alone, folder / "out")
    return f"| {name} | {ended} | {statuses} | {difference:.1e} | {said} |"


def seconds_a_step(out: Path) -> float:
    """Returns the time of a step after the first validation; before it the network is compiled."""
    return json.loads((out / "denoise" / "history.json").read_text())[1]["seconds_a_step"]


def print_speed(folder: Path, steps: int, size: dict[str, int]) -> None:
    """Prints the time of a step of one process and of two; all but the last row do the same work.

    The last row says what the machine allows: two runs that know nothing of each other, each with
    half of the batch. No process is bound to a core: the threads that communicate then wait for
    those that compute, up to 4 ms for each variable.

    Raises:
        RuntimeError: If a run fails.
    """
    half = {**size, "batch": size["batch"] // 2}
    print("| processes | threads of each | seconds a step |")
    print("|---|---:|---:|")
    for name, threads in (("1", 1), ("1", 2), ("2", 1), ("2 apart, half the batch each", 1)):
        outs = [folder / f"{name}_{threads}_{index}" for index in range(2)]
        for out in outs:
            out.mkdir()
        words = [
            command(out, 2 * steps, steps, **(half if "apart" in name else size)) for out in outs
        ]
        if name == "2":
            begun = start_pair(words[0], outs[0], "", NPROC=str(threads))
        else:
            begun = [
                start(own, out / "0.log", 1, "", NPROC=str(threads))
                for own, out in list(zip(words, outs, strict=True))[: int(name[0])]
            ]
        statuses = [process.wait() for process in begun]
        if any(statuses):
            raise RuntimeError((outs[0] / "0.log").read_text()[-2000:])
        print(f"| {name} | {threads} | {seconds_a_step(outs[0]):.3f} |", flush=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--steps", type=int, default=30, help="of a run; with --speed, between validations"
    )
    for name, value in _SIZE.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--cases", nargs="+", help="some rows of the table alone")
    parser.add_argument("--tensorflow", action="store_true", help="two devices of one process")
    parser.add_argument("--double", action="store_true", help="train in float64, JAX alone")
    parser.add_argument("--speed", action="store_true", help="measure the time of a step instead")
    args = parser.parse_args()
    size = {name: getattr(args, name) for name in (*_SIZE, "double")}
    if args.double and args.tensorflow:
        parser.error("expected --double without --tensorflow")
    cases = MIRRORED_CASES if args.tensorflow else CASES
    if unknown := set(args.cases or ()) - set(cases):
        parser.error(f"expected --cases of {', '.join(cases)}, got {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if args.speed:
            print_speed(folder, args.steps, size)
            return
        print("| case | all ended after | exit status | difference | a process said |")
        print("|---|---:|---|---:|---|")
        backend = "tensorflow" if args.tensorflow else "jax"
        words = command(folder / "alone", args.steps, 10, **size)
        alone = start(words, folder / "alone.log", KERAS_BACKEND=backend)
        if alone.wait():
            raise RuntimeError((folder / "alone.log").read_text()[-2000:])
        for name in args.cases or cases:
            own = folder / name.replace(" ", "_")
            own.mkdir()
            row = row_of(name, own, folder / "alone", args.steps, args.tensorflow, **size)
            print(row, flush=True)


if __name__ == "__main__":
    main()
