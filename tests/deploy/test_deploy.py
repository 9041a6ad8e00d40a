"""The files of deploy/: they parse, name existing things and are consistent."""

import http.server
import re
import subprocess
import threading
from pathlib import Path

import check_jsonschema
import pytest
import yaml
from click.testing import CliRunner
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
IMAGE = re.compile(r"tensorflow/serving:2\.17\.1(-gpu)?")
# tensorflow_serving/model_servers/main.cc, read from a fork of its later head, less the flag for
# tensor_content that came with 2.19: no copy of the file at 2.17.1 was available. The server only
# prints unknown flags and continues, so a mistyped flag would have no effect.
_MAIN = """
port grpc_socket_path rest_api_port rest_api_num_threads rest_api_timeout_in_ms
rest_api_enable_cors_support enable_batching allow_version_labels_for_unavailable_models
batching_parameters_file enable_per_model_batching_parameters model_config_file
model_config_file_poll_wait_seconds model_name model_base_path num_load_threads
num_unload_threads max_num_load_retries load_retry_interval_micros file_system_poll_wait_seconds
flush_filesystem_caches tensorflow_session_parallelism tensorflow_session_config_file
tensorflow_intra_op_parallelism tensorflow_inter_op_parallelism use_alts_credentials
ssl_config_file platform_config_file per_process_gpu_memory_fraction saved_model_tags
grpc_channel_arguments grpc_max_threads enable_model_warmup num_request_iterations_for_warmup
version monitoring_config_file remove_unused_fields_from_bundle_metagraph prefer_tflite_model
num_tflite_pools num_tflite_interpreters_per_pool enable_signature_method_name_check
xla_cpu_compilation_enabled xla_gpu_compilation_enabled enable_profiler
thread_pool_factory_config_file mixed_precision enable_grpc_healthcheck_service
"""
FLAGS = set(_MAIN.split())
# session_bundle_config.proto: BatchingParameters; False: wrapped in a message of one value.
BATCHING = {
    "max_batch_size": False,
    "batch_timeout_micros": False,
    "max_enqueued_batches": False,
    "num_batch_threads": False,
    "thread_pool_name": False,
    "allowed_batch_sizes": True,
    "pad_variable_length_inputs": True,
    "enable_large_batch_splitting": False,
    "max_execution_batch_size": False,
}
_FIELD = re.compile(r"(\w+)(?:\s*:\s*([\w\"./-]+)|\s*\{\s*value\s*:\s*(\w+)\s*\})\s*")


def documents(path):
    return [part for part in yaml.safe_load_all(path.read_text()) if part]


def fields(path):
    """Parses one level of a text protobuf: (name, value, whether it has no braces)."""
    text = re.sub(r"#.*", "", path.read_text()).strip()
    found = []
    while text:
        match = _FIELD.match(text)
        assert match, f"{path} cannot be read from {text[:40]!r} on"
        found.append((match[1], match[2] or match[3], match[2] is not None))
        text = text[match.end() :]
    return found


def container():
    (deployment,) = documents(DEPLOY / "kubernetes" / "deployment.yaml")
    return deployment["spec"]["template"]["spec"]["containers"][0]


def compose(name="compose.yaml"):
    (file,) = documents(DEPLOY / name)
    return file["services"]["serving"]


COMMANDS = {"compose": compose()["command"], "kubernetes": container()["args"]}


def test_every_file_is_tested():
    names = {path.relative_to(DEPLOY).as_posix() for path in DEPLOY.rglob("*") if path.is_file()}
    assert names == {
        "archive/job.yaml",
        "archive/ray.yaml",
        "archive/restore.slurm",
        "batching_bytes.config",
        "batching_tiles.config",
        "compose.gpu.yaml",
        "compose.yaml",
        "config/kustomization.yaml",
        "config/models.config",
        "config/monitoring.config",
        "download/kustomization.yaml",
        "gpu/kustomization.yaml",
        "haproxy.cfg",
        "kserve/inference_services.yaml",
        "kubernetes/autoscaler.yaml",
        "kubernetes/deployment.yaml",
        "kubernetes/disruption.yaml",
        "kubernetes/kustomization.yaml",
        "kubernetes/network.yaml",
        "kubernetes/service.yaml",
        "monitoring/kustomization.yaml",
        "monitoring/prometheus_rule.yaml",
        "monitoring/rules.yaml",
        "monitoring/service_monitor.yaml",
        "training/job.yaml",
        "training/train.slurm",
    }


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.*")), ids=lambda path: path.name)
def test_every_file_states_its_assumptions(path):
    comment = "".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    assert "Assumes" in comment or path.name == "monitoring.config"


@pytest.mark.parametrize("where", COMMANDS)
def test_flags_exist_in_the_release_and_have_values(where):
    for flag in COMMANDS[where]:
        name, _, value = flag.removeprefix("--").partition("=")
        assert flag.startswith("--") and name in FLAGS and value, flag


def test_flags_in_comments_exist():
    for path in DEPLOY.rglob("*.*"):
        named = set(re.findall(r"--([a-z]\w*_\w+)", path.read_text()))
        assert named <= FLAGS, path


def test_compose_and_kubernetes_use_the_same_flags():
    assert COMMANDS["compose"] == COMMANDS["kubernetes"]


def test_images_have_the_pinned_release():
    images = [compose()["image"], compose("compose.gpu.yaml")["image"], container()["image"]]
    assert all(IMAGE.fullmatch(image) for image in images)


@pytest.mark.parametrize("name", ["compose.yaml", "compose.gpu.yaml"])
def test_compose_files_follow_their_schema(name):
    result = CliRunner().invoke(
        check_jsonschema.main, ["--builtin-schema", "vendor.compose-spec", str(DEPLOY / name)]
    )
    assert result.exit_code == 0, result.output


def test_model_config_is_shared_and_its_models_are_tasks():
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((DEPLOY / "config" / "models.config").read_text(), config)
    models = config.model_config_list.config
    assert [model.name for model in models] == ["denoise", "dejpeg"]
    for model in models:
        assert model.base_path == f"/models/{model.name}" and model.model_platform == "tensorflow"
        assert dict(model.version_labels) == {"stable": 1}
        assert model.model_version_policy.latest.num_versions == 2


def test_files_named_by_flags_are_mounted():
    mounted = {
        volume.rsplit(":", 2)[1]: volume.rsplit(":", 2)[0] for volume in compose()["volumes"]
    }
    for flag in COMMANDS["compose"]:
        value = flag.partition("=")[2]
        if value.startswith("/"):
            assert (DEPLOY / mounted[value]).is_file()
    assert "/models" in mounted
    (kustomization,) = documents(DEPLOY / "config" / "kustomization.yaml")
    (generated,) = kustomization["configMapGenerator"]
    named = {Path(flag.partition("=")[2]).name for flag in COMMANDS["kubernetes"] if "=/" in flag}
    assert named == set(generated["files"])
    assert all((DEPLOY / "config" / name).is_file() for name in named)


def scripts():
    yield "compose", compose()["healthcheck"]["test"][-1].replace("$$", "$")
    yield "kubernetes", container()["readinessProbe"]["exec"]["command"][-1]


@pytest.mark.parametrize(("where", "script"), scripts())
@pytest.mark.parametrize(
    ("state", "code"), [("AVAILABLE", 0), ("LOADING", 1), ("END", 1), (None, 1)]
)
def test_probe_script_detects_readiness(where, script, state, code):
    class Status(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802 - http.server names it
            self.send_response(200)
            self.end_headers()
            body = f'{{\n "model_version_status": [\n  {{\n   "state": "{state}",\n  }}\n ]\n}}\n'
            self.wfile.write(body.encode())

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Status) as server:
        port = server.server_address[1]
        if state is not None:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        else:
            server.server_close()
        script = script.replace("/8501", f"/{port}")
        done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=20)
        if state is not None:
            server.shutdown()
    assert (done.returncode != 0) == (code != 0), done.stderr


@pytest.mark.parametrize("name", ["batching_tiles.config", "batching_bytes.config"])
def test_batching_parameters_are_known_and_never_pad(name):
    found = fields(DEPLOY / name)
    for field, value, bare in found:
        assert bare == BATCHING[field], field
        assert value == "false" or int(value) > 0
    values = {field: value for field, value, _ in found}
    assert values["pad_variable_length_inputs"] == "false"
    sizes = [int(value) for field, value, _ in found if field == "allowed_batch_sizes"]
    # Increasing; the last is the maximum batch size.
    assert sizes == sorted(set(sizes))
    assert not sizes or sizes[-1] == int(values["max_batch_size"])


def test_monitoring_path_equals_the_annotation():
    text = re.sub(r"#.*", "", (DEPLOY / "config" / "monitoring.config").read_text())
    match = re.fullmatch(r"\s*prometheus_config\s*\{(.*)\}\s*", text, re.DOTALL)
    inner = dict(re.findall(r'(\w+)\s*:\s*"?([\w/]+)"?', match[1]))
    assert inner == {"enable": "true", "path": "/monitoring/prometheus/metrics"}
    (deployment,) = documents(DEPLOY / "kubernetes" / "deployment.yaml")
    notes = deployment["spec"]["template"]["metadata"]["annotations"]
    assert notes["prometheus.io/path"] == inner["path"]
    assert notes["prometheus.io/port"] == "8501"


def test_parser_finds_a_stray_brace(tmp_path):
    broken = tmp_path / "batching.config"
    broken.write_text("max_batch_size { value: 8 }\nnum_batch_threads { value 4 }\n")
    with pytest.raises(AssertionError, match="num_batch_threads"):
        fields(broken)


def test_a_stop_does_not_wait_long_for_a_server_that_ignores_it():
    assert int(compose()["stop_grace_period"].removesuffix("s")) <= 5
