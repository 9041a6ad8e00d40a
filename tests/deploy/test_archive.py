"""The files of deploy/archive: schemas, and the commands that they run."""

import subprocess

import kubernetes_validate
import pytest
import yaml

from keras_hyper.cli import restore
from tests.conftest import ROOT, parsed

ARCHIVE = ROOT / "deploy" / "archive"


def test_job_follows_its_schema_and_its_shards_are_complete():
    job = yaml.safe_load((ARCHIVE / "job.yaml").read_text())
    assert kubernetes_validate.validate(job, "1.30", strict=True) == "1.30"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    program, command, *words = container["command"]
    assert (program, command) == ("keras-hyper", "restore")
    count = job["spec"]["completions"]
    assert job["spec"]["completionMode"] == "Indexed"
    found = [
        parsed(restore, [word.replace("$(JOB_COMPLETION_INDEX)", str(index)) for word in words])
        for index in range(count)
    ]
    assert [args.shard for args in found] == [(index, count) for index in range(count)]
    assert len({str(args.report) for args in found}) == count and found[0].resume


def test_ray_job_has_pods_that_follow_their_schema_and_a_command_that_parses():
    job = yaml.safe_load((ARCHIVE / "ray.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert set(job["spec"]) == {
        "entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "rayClusterSpec"
    }  # fmt: skip
    program, command, *words = job["spec"]["entrypoint"].split()
    args = parsed(restore, words)
    assert (program, command, args.runner, args.resume) == ("keras-hyper", "restore", "ray", True)
    cluster = job["spec"]["rayClusterSpec"]
    assert f"ray=={cluster['rayVersion']}" in (ROOT / "constraints.txt").read_text().splitlines()
    head, (workers,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    assert set(head) == {"rayStartParams", "template"} == set(workers) - {
        "groupName", "replicas", "minReplicas", "maxReplicas"
    }  # fmt: skip
    assert head["rayStartParams"] == {"num-cpus": "0"} and workers["rayStartParams"] == {}
    for group in (head, workers):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ray"}, **group["template"]}
        assert kubernetes_validate.validate(pod, "1.30", strict=True) == "1.30"


@pytest.mark.parametrize("arguments", [["in dir", "out"], ["in"]])
def test_array_runs_a_shard_a_task(arguments, tmp_path):
    program = tmp_path / "keras-hyper"
    program.write_text("#!/bin/bash\nprintf '%s\\n' \"$@\"\n")
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", str(ARCHIVE / "restore.slurm"), *arguments],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": "2",
             "SLURM_ARRAY_TASK_COUNT": "4"},
        capture_output=True, text=True,
    )  # fmt: skip
    if len(arguments) == 1:
        assert done.returncode == 2 and done.stderr == "expected IN and OUT, got 1 arguments\n"
        return
    command, *words = done.stdout.splitlines()
    args = parsed(restore, words)
    assert (command, str(args.source), args.shard) == ("restore", "in dir", (2, 4))


def test_array_has_options_of_sbatch():
    lines = (ARCHIVE / "restore.slurm").read_text().splitlines()
    options = dict(
        line.removeprefix("#SBATCH --").partition("=")[::2]
        for line in lines
        if line.startswith("#SBATCH ")
    )
    assert set(options) == {"job-name", "array", "cpus-per-task", "mem", "requeue"}
    # Shards are counted from 0.
    assert options["array"].startswith("0-")
