"""An archive of small pictures that several processes restore, two of which are killed.

python -m benchmarks.archive                         about ten minutes on two cores
python -m benchmarks.archive --pictures 200 --stores disk --cases one shards
python -m benchmarks.archive --stores disk --cases one ray       needs the extra `ray`
python -m benchmarks.archive --stores disk --cases two-threads two-processes --side 256

The S3 server is moto's, in this process.
"""

import argparse
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from keras_hyper.restoration.pairs import RECORD
from pipelines.images import files_below, is_object, path_or_url, versions_of, write_bytes

ROOT = Path(__file__).resolve().parents[1]
WORKERS, KILLED, BAD = 3, 2, 5


@contextmanager
def s3_server() -> Iterator[Path]:
    """Starts an S3 server; gives the address of a bucket that keeps all versions."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    os.environ |= dict.fromkeys(names, "test") | {"AWS_DEFAULT_REGION": "us-east-1"}
    os.environ["AWS_ENDPOINT_URL"] = "http://{}:{}".format(*server.get_host_and_port())
    bucket: Any = path_or_url("s3://archive")
    bucket.fs.mkdir("archive")
    kept = {"Status": "Enabled"}
    bucket.fs.call_s3("put_bucket_versioning", Bucket="archive", VersioningConfiguration=kept)
    try:
        yield bucket
    finally:
        server.stop()


def make_pictures(folder: Path, pictures: int, side: int) -> None:
    """Writes pictures of noise, and some files that are none."""
    rng = np.random.default_rng(0)
    for index in range(pictures):
        file = io.BytesIO()
        pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file, "png")
        write_bytes(folder / str(index % 10) / f"{index}.png", file.getvalue())
    for index in range(BAD):
        write_bytes(folder / f"bad{index}.png", b"\x89PNG")


def start(root: Path, name: str, *more: str, threads: int = 1, **env: str) -> subprocess.Popen:
    """Starts one process that restores ``root/in`` to ``root/name``."""
    words = [sys.executable, "-m", "keras_hyper", "restore", str(root / "in"), str(root / name)]
    words += ["--task", "denoise", "--level", "25", "--model", "denoise_tiny", "--resume", *more]
    env |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(threads)}
    return subprocess.Popen(words, cwd=ROOT, env=os.environ | env, stdout=subprocess.PIPE)


def seconds(process: subprocess.Popen) -> float:
    """Waits for a process; returns the seconds that it printed."""
    text = process.communicate()[0].decode()
    found = re.search(r"restored in ([\d.]+) s", text)
    if not found:
        raise RuntimeError(f"expected a line of results, got {text!r}")
    return float(found[1])


def run_shards(root: Path, name: str, count: int, killed: int = 0, threads: int = 1) -> float:
    """Restores by shards, of which some are killed and started again.

    Returns:
        The seconds of the slowest shard.
    """

    def shard(index: int) -> subprocess.Popen:
        report = str(root / "reports" / name / f"{index}.json")
        part = f"{index}/{count}"
        return start(root, name, "--shard", part, "--report", report, threads=threads)

    processes = [shard(index) for index in range(count)]
    if killed:
        wait_for_results(root, name)
        for process in processes[:killed]:
            process.kill()  # SIGKILL
            if process.wait() != -9:
                raise RuntimeError("expected a process to kill, got one that had ended")
        processes[:killed] = [shard(index) for index in range(killed)]
    return max(seconds(process) for process in processes)


def run_ray(root: Path, name: str, killed: int) -> float:
    """Restores by Ray on this machine, some processes of which are killed."""
    import ray

    ray.init(num_cpus=WORKERS, include_dashboard=False, logging_level="warning")
    try:
        address = ray.get_runtime_context().gcs_address
        report = str(root / "reports" / name / "ray.json")
        words = ["--runner", "ray", "--report", report]
        process = start(root, name, *words, RAY_ADDRESS=address)
        wait_for_results(root, name)
        for _ in range(killed):
            while not (running := ray_processes()):
                time.sleep(0.1)
            os.kill(running[0], signal.SIGKILL)
        return seconds(process)
    finally:
        ray.shutdown()


def ray_processes() -> list[int]:
    """Returns the processes on this machine that run a task of this runner."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if file.read_bytes().startswith(b"ray::_restore"):
                found.append(int(file.parent.name))
        except OSError:  # it has ended
            continue
    return found


def wait_for_results(root: Path, name: str) -> None:
    """Waits until a tenth of the pictures is restored."""
    wanted = len(files_below(root / "in")) // 10
    while len(files_below(root / name)) < wanted:
        time.sleep(2)


def row_of(root: Path, name: str, reference: dict[str, str]) -> str:
    """Compares the results of a case with those of one process; returns a row's figures.

    Raises:
        RuntimeError: If the reports do not have each bad file once.
    """
    results = hashes(root / name)
    equal = sum(results.get(name) == reference[name] for name in reference)
    reports = [json.loads(path.read_bytes()) for path in files_below(root / "reports" / name)]
    rows = [row for report in reports for row in report if row["status"] == "refused"]
    bad = sorted(Path(row["file"]).name for row in rows)
    if bad != [f"bad{index}.png" for index in range(BAD)]:
        raise RuntimeError(f"expected each bad file once in the reports, got {bad}")
    others = len(results.keys() - reference)
    twice = "" if not is_object(root) else sum(n > 1 for n in versions(root / name).values())
    return f"{equal} of {len(reference)} | {others} | {twice} | {len(bad)}"


def hashes(folder: Path) -> dict[str, str]:
    """Returns the MD5 of each result by its name; on S3 that is the ETag of one PUT."""
    paths = [path for path in files_below(folder) if path.name != RECORD]
    tags = {path: (version.tag or "") for path, version in versions_of(paths, folder).items()}
    return {
        str(path)[len(str(folder)) + 1 :]: tags[path].strip('"')
        or hashlib.md5(path.read_bytes()).hexdigest()
        for path in paths
    }


def versions(folder: Any) -> Counter[str]:
    """Returns how often each result was written, by key."""
    counts: Counter[str] = Counter()
    bucket, _, prefix = folder.path.partition("/")
    place = {"Bucket": bucket, "Prefix": f"{prefix}/"}
    while True:
        page = folder.fs.call_s3("list_object_versions", **place)
        names = (row["Key"] for row in page.get("Versions", ()))
        counts.update(name for name in names if not name.endswith(RECORD))
        if not page.get("IsTruncated"):
            return counts
        place |= {
            "KeyMarker": page["NextKeyMarker"],
            "VersionIdMarker": page["NextVersionIdMarker"],
        }


CASES: dict[str, tuple[str, Callable[[Path, str], float]]] = {
    "one": ("1 process", lambda root, name: run_shards(root, name, 1)),
    "more": (f"{WORKERS} shards", lambda root, name: run_shards(root, name, WORKERS)),
    "shards": (f"{WORKERS} shards, {KILLED} killed and started again",
               lambda root, name: run_shards(root, name, WORKERS, KILLED)),
    "ray": (f"Ray, {WORKERS} processes, {KILLED} killed",
            lambda root, name: run_ray(root, name, KILLED)),
    "two-threads": ("1 process of 2 threads", lambda root, name: run_shards(root, name, 1, 0, 2)),
    "two-processes": ("2 processes of 1 thread", lambda root, name: run_shards(root, name, 2)),
}  # fmt: skip


def run_store(root: Path, store: str, args: argparse.Namespace, reference: dict[str, str]) -> None:
    """Prints the rows of a store."""
    for name in args.cases:
        label, run = CASES[name]
        rate = f"{args.pictures / run(root, name):.1f}"
        print(f"| {store} | {label} | {row_of(root, name, reference)} | {rate} |", flush=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--stores", nargs="+", choices=["disk", "s3"], default=["disk", "s3"])
    parser.add_argument(
        "--cases", nargs="+", choices=CASES, default=[case for case in CASES if case != "ray"]
    )
    args = parser.parse_args()
    print("| store | workers | equal to one worker's | other files | written twice | bad files in "
          "the report | pictures/s |")  # fmt: skip
    print("|---|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder)
        make_pictures(disk / "in", args.pictures, args.side)
        run_shards(disk, "reference", 1)
        reference = hashes(disk / "reference")
        if "disk" in args.stores:
            run_store(disk, "disk", args, reference)
        if "s3" in args.stores:
            with s3_server() as bucket:
                make_pictures(bucket / "archive" / "in", args.pictures, args.side)
                run_store(bucket / "archive", "S3", args, reference)


if __name__ == "__main__":
    main()
