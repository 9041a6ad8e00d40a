"""The files of deploy/training: schemas, and the commands that they run."""

import subprocess

import kubernetes_validate
import pytest
import yaml

from keras_hyper.cli import train
from keras_hyper.training.processes import place
from tests.conftest import ROOT, parsed

TRAINING = ROOT / "deploy" / "training"


def test_job_follows_its_schema_and_its_pods_are_the_hosts():
    service, job = yaml.safe_load_all((TRAINING / "job.yaml").read_text())
    for part in (service, job):
        assert kubernetes_validate.validate(part, "1.30", strict=True) == "1.30"
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    program, command, *words = container["command"]
    assert (program, command) == ("keras-hyper", "train")
    assert container["env"] == [{"name": "KERAS_BACKEND", "value": "jax"}]
    hosts = parsed(train, words).hosts.split(",")
    name, port = job["metadata"]["name"], service["spec"]["ports"][0]["port"]
    count = spec["completions"]
    assert spec["completionMode"] == "Indexed" and spec["parallelism"] == count
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": name}
    assert hosts == [f"{name}-{index}.{pod['subdomain']}:{port}" for index in range(count)]
    found = [place(hosts, None, {"JOB_COMPLETION_INDEX": str(index)}) for index in range(count)]
    assert found == [(index, count) for index in range(count)]


@pytest.mark.parametrize(("statuses", "calls", "status"), [
    ([0], 1, 0), ([1, 134, 0], 3, 0), ([1, 1, 1, 0], 3, 1), ([2], 1, 2), ([130], 1, 130),
])  # fmt: skip
def test_batch_script_restarts_after_a_dead_process(statuses, calls, status, tmp_path):
    (tmp_path / "statuses").write_text("\n".join(map(str, statuses)) + "\n")
    programs = {
        "scontrol": 'printf "node7\\nnode8\\n"',
        "srun": f'echo "$KERAS_BACKEND" "$@" >> {tmp_path}/calls\n'
        f"n=$(wc -l < {tmp_path}/calls)\nexit $(sed -n ${{n}}p {tmp_path}/statuses)",
    }
    for name, lines in programs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{lines}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["bash", str(TRAINING / "train.slurm"), "photos", "out", "--steps", "9"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_NODELIST": "node[7-8]"},
    )
    made = (tmp_path / "calls").read_text().splitlines()
    assert (len(made), done.returncode) == (calls, status)
    backend, option, program, command, *words = made[0].split()
    assert (backend, option, program, command) == (
        "jax", "--kill-on-bad-exit=1", "keras-hyper", "train"
    )  # fmt: skip
    args = parsed(train, words)
    assert (args.hosts, str(args.data), str(args.out), args.steps) == (
        "node7:12345", "photos", "out", 9
    )  # fmt: skip


def test_batch_script_needs_two_folders():
    command = ["bash", str(TRAINING / "train.slurm"), "photos"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr == "expected PHOTOS and OUT, got 1 arguments\n"


def test_batch_script_has_options_of_sbatch():
    lines = (TRAINING / "train.slurm").read_text().splitlines()
    options = dict(
        line.removeprefix("#SBATCH --").partition("=")[::2]
        for line in lines
        if line.startswith("#SBATCH ")
    )
    assert set(options) == {
        "job-name", "nodes", "ntasks-per-node", "gpus-per-node", "cpus-per-task", "signal",
        "requeue", "open-mode",
    }  # fmt: skip
    # JAX takes the GPU of a task's number on its node.
    assert options["ntasks-per-node"] == options["gpus-per-node"]
