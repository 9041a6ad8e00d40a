"""Training by two processes on this machine against one, and what happens when one of them dies.

python -m benchmarks.distributed      about ten minutes on two cores; needs the extra `jax`
"""

import argparse
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


def command(out: Path, steps: int, validate_every: int) -> list[str]:
    """Returns the command that trains a tiny network."""
    return [
        sys.executable, "train.py", "--task", "denoise", "--levels", "5", "50", "--out", str(out),
        "--data", str(SAMPLE_PICTURES), "--steps", str(steps), "--blocks", "1", "--filters", "8",
        "--validate-every", str(validate_every), "--batch", "8", "--patch", "16",
        "--precision", "float32",
    ]  # fmt: skip


def start(
    words: Sequence[str], log: Path, devices: int = 1, **environment: str
) -> subprocess.Popen:
    """Starts one process under JAX; what it prints is appended to `log`."""
    flags = f"{FLAGS} --xla_force_host_platform_device_count={devices}"
    given = {"KERAS_BACKEND": "jax", "XLA_FLAGS": flags, "PYTHONPATH": str(ROOT), **environment}
    with log.open("a") as file:
        return subprocess.Popen(
            words, cwd=ROOT, env={**os.environ, **given}, stdout=file, stderr=subprocess.STDOUT
        )


def start_pair(words: Sequence[str], folder: Path) -> list[subprocess.Popen]:
    """Starts both processes as a scheduler does, which gives each its number."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    hosts = ["--hosts", f"127.0.0.1:{port},127.0.0.1:{port + 1}"]
    return [
        start([*words, *hosts], folder / f"{index}.log", JOB_COMPLETION_INDEX=str(index))
        for index in range(2)
    ]


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


def row_of(name: str, folder: Path, alone: Path, steps: int) -> str:
    """Runs a case in `folder`; returns its row of the table.

    Raises:
        RuntimeError: If a run fails that should not.
    """
    words, event, ended, said = command(folder / "out", steps, 10), CASES[name], "", ""
    processes = start_pair(words, folder)
    if event:
        ended = f"{interrupt(processes, *event, folder / 'out'):.0f} s"
        said = last_words(folder / f"{1 - event[0]}.log")
    statuses = [process.wait() for process in processes]
    again = [process.wait() for process in start_pair(words, folder)] if event else statuses
    if any(again):
        raise RuntimeError((folder / "0.log").read_text()[-2000:])
    difference = largest_difference(alone, folder / "out")
    return f"| {name} | {ended} | {statuses} | {difference:.1e} | {said} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    args = parser.parse_args()
    print("| case | both ended after | exit status | difference | the other process said |")
    print("|---|---:|---|---:|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        alone = start(command(folder / "alone", args.steps, 10), folder / "alone.log")
        if alone.wait():
            raise RuntimeError((folder / "alone.log").read_text()[-2000:])
        for name in args.cases:
            own = folder / name.replace(" ", "_")
            own.mkdir()
            print(row_of(name, own, folder / "alone", args.steps), flush=True)


if __name__ == "__main__":
    main()
