"""The alerts and the monitor of deploy/monitoring."""

import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest
import yaml

from keras_hyper.serving.server.config import Options
from keras_hyper.serving.server.metrics import Metrics
from keras_hyper.serving.server.rest import METRICS_PATH
from keras_hyper.serving.server.service import Service
from tests.deploy.test_deploy import DEPLOY, documents

MONITORING = DEPLOY / "monitoring"
(RULES,) = documents(MONITORING / "rules.yaml")
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
REQUESTS = ':tensorflow:serving:request_count{job="keras-hyper",model_name="denoise",status="%s"}'
LATENCY = ':tensorflow:serving:request_latency_bucket{job="keras-hyper",le="%s"}'
UP = 'up{job="keras-hyper",instance="a"}'
# Series of an hour, and the alerts that they raise.
CASES = {
    "well": ({UP: "1x60", REQUESTS % "OK": "0+600x60", REQUESTS % "INTERNAL": "0+1x60"}, set()),
    "down": ({UP: "0x60"}, {"KerasHyperDown", "KerasHyperNoServer"}),
    "faults": (
        {UP: "1x60", REQUESTS % "OK": "0+600x60", REQUESTS % "INTERNAL": "0+60x60"},
        {"KerasHyperErrors"},
    ),
    "invalid requests": (
        {UP: "1x60", REQUESTS % "OK": "0+1x60", REQUESTS % "INVALID_ARGUMENT": "0+600x60"},
        set(),
    ),
    "overload": (
        {UP: "1x60", REQUESTS % "OK": "0+600x60", REQUESTS % "UNAVAILABLE": "0+60x60"},
        {"KerasHyperOverload"},
    ),
    "slow": (
        {
            UP: "1x60",
            LATENCY % "9e6": "0+1x60",
            LATENCY % "2e7": "0+9x60",
            LATENCY % "+Inf": "0+9x60",
        },
        {"KerasHyperSlow"},
    ),
    "loads": (
        {UP: "1x60", 'keras_hyper_load_failures{job="keras-hyper"}': "0+1x60"},
        {"KerasHyperLoadFailures"},
    ),
    "memory": (
        {
            UP: "1x60",
            'keras_hyper_memory_waiting_bytes{job="keras-hyper"}': "1.9x60",
            'keras_hyper_memory_limit_bytes{job="keras-hyper"}': "4x60",
        },
        {"KerasHyperMemory"},
    ),
}  # fmt: skip


def promtool(*arguments):
    if not shutil.which("promtool"):
        pytest.skip("promtool, of Debian's package prometheus, is not installed")
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_operator_has_the_same_rules_and_a_monitor_of_the_service():
    (rule,), (monitor,) = (
        documents(MONITORING / f"{name}.yaml") for name in ("prometheus_rule", "service_monitor")
    )
    assert rule["spec"] == RULES
    (service,) = documents(DEPLOY / "kubernetes" / "service.yaml")
    assert monitor["spec"].keys() == {"selector", "endpoints"}
    selected = monitor["spec"]["selector"]["matchLabels"]
    assert selected.items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint == {"port": "rest", "path": METRICS_PATH, "interval": "15s"}
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    for one in (rule, monitor):
        assert one["apiVersion"] == "monitoring.coreos.com/v1"


def test_every_metric_of_the_rules_exists():
    metrics = Metrics()
    Service(SimpleNamespace(load_failures=0), Options(), metrics).close()
    metrics.count("denoise", "OK", "serving_default", "GRPC")
    metrics.latency("denoise", "GRPC", 0.1)
    exists = set(re.findall(r"^([\w:]+)", metrics.text(), re.MULTILINE))
    for alert in ALERTS.values():
        named = re.findall(r":tensorflow:serving:\w+|keras_hyper_\w+|\bup\b", alert["expr"])
        assert named and set(named) <= exists | {"up"}, alert["alert"]


def test_rules_are_valid():
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", MONITORING / "rules.yaml")


def test_alerts_fire_for_what_they_name(tmp_path):
    tests = [
        {
            "interval": "1m",
            "name": name,
            "input_series": [{"series": one, "values": values} for one, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": "50m",
                    "exp_samples": [
                        {"labels": f'{{alertname="{alert}"}}', "value": 1}
                        for alert in sorted(alerts)
                    ],
                }
            ],
        }
        for name, (series, alerts) in CASES.items()
    ]
    assert set().union(*(alerts for _, alerts in CASES.values())) == ALERTS.keys()
    file = tmp_path / "tests.yaml"
    rules = [str(MONITORING / "rules.yaml")]
    file.write_text(yaml.safe_dump({"rule_files": rules, "tests": tests}))
    promtool("test", "rules", file)
