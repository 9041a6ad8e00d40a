"""Third-party clients with a server, each in its own environment.

`python -m tests.third_party` serves a model that ships and runs them all; with ``--address`` and
``--rest`` they run against a running server with the same version 1 of it.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.own_server import own_server
from keras_hyper.export.session import ServingSession

ROOT = Path(__file__).resolve().parents[2]
# script: what it needs; protobuf 3 where a client's messages were made for it.
CLIENTS = {
    "with_ovmsclient": ["ovmsclient==2023.1"],
    "with_min_tfs_client": ["min-tfs-client==1.0.2", "protobuf==3.20.3"],
    "with_grpc_requests": ["grpc-requests==0.1.21", "numpy"],
}


def main() -> int:
    """Returns 1 if a client failed."""
    parser = argparse.ArgumentParser(prog="tests.third_party", description=__doc__)
    parser.add_argument("--models", type=Path, default=ROOT / "saved_models", help="to serve")
    parser.add_argument("--model", default="denoise", help="the one to ask")
    parser.add_argument("--address", help="HOST:PORT of a running server")
    parser.add_argument("--rest", default="127.0.0.1:8501", help="its REST port")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _write_question(args.models / args.model / "1", Path(folder))
        if args.address:
            return _ask_all(args.address, args.rest, args.model, folder)
        with own_server(args.models) as (address, rest):
            return _ask_all(address, rest, args.model, folder)


def _write_question(version, folder):
    image = np.random.default_rng(0).random((1, 65, 94, 3), dtype=np.float32)
    level = np.float32([25])
    with ServingSession(version) as session:
        answer = session.predict("serving_default", {"image": image, "level": level})
    for name, value in (("image", image), ("level", level), ("restored", answer["restored"])):
        np.save(folder / f"{name}.npy", value)


def _ask_all(address, rest, model, folder):
    wrong = 0
    for script, needs in CLIENTS.items():
        python = _environment(script, needs)
        print(f"{' '.join(needs)}, at {address}", flush=True)  # noqa: T201 - a script
        path = Path(__file__).with_name(f"{script}.py")
        done = subprocess.run([python, path, address, rest, model, folder], timeout=300)
        wrong |= done.returncode
    return wrong


def _environment(name, needs):
    folder = ROOT / ".venv-third-party" / name
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *needs], check=True)
        (folder / "installed").touch()
    return python


if __name__ == "__main__":
    sys.exit(main())
