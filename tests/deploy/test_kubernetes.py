"""The files of deploy/ for Kubernetes: schemas, references, and what the overlays change."""

import hashlib
import os
import shutil
import subprocess
import tarfile

import kubernetes_validate
import pytest
import yaml

from tests.deploy.test_deploy import DEPLOY, IMAGE, container, documents


def test_references_between_kubernetes_objects_exist():
    folder = DEPLOY / "kubernetes"
    (deployment,), (service,), (autoscaler,) = (
        documents(folder / f"{name}.yaml") for name in ("deployment", "service", "autoscaler")
    )
    (kustomization,) = documents(DEPLOY / "config" / "kustomization.yaml")
    pod = deployment["spec"]["template"]
    assert pod["metadata"]["labels"] == deployment["spec"]["selector"]["matchLabels"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == set(ports)
    target = autoscaler["spec"]["scaleTargetRef"]
    assert target["name"] == deployment["metadata"]["name"]
    assert target["apiVersion"] == deployment["apiVersion"]
    # Only one of the two may set the number of replicas.
    assert "replicas" not in deployment["spec"] and autoscaler["spec"]["minReplicas"] >= 2
    maps = {volume.get("configMap", {}).get("name") for volume in pod["spec"]["volumes"]}
    assert kustomization["configMapGenerator"][0]["name"] in maps
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in container()["volumeMounts"]} == volumes


@pytest.mark.parametrize(
    "path",
    sorted(set((DEPLOY / "kubernetes").iterdir()) - set(DEPLOY.glob("*/kustomization.yaml"))),
    ids=lambda path: path.name,
)
def test_objects_follow_their_schemas(path):
    for document in documents(path):
        assert kubernetes_validate.validate(document, "1.30", strict=True) == "1.30"


def built(folder):
    """Returns the objects of a kustomization by kind."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl, which builds kustomizations, is not installed")
    command = ["kubectl", "kustomize", str(DEPLOY / folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    objects = list(yaml.safe_load_all(done.stdout))
    if folder != "monitoring":
        for one in objects:
            assert kubernetes_validate.validate(one, "1.30", strict=True) == "1.30"
    return {f"{one['kind']} {one['metadata']['name'][:18]}": one for one in objects}


def pod_of(objects):
    return objects["Deployment keras-hyper"]["spec"]["template"]["spec"]


def test_kustomizations_build():
    kinds = {"ConfigMap", "Deployment", "Service", "HorizontalPodAutoscaler"}
    kinds |= {"PodDisruptionBudget", "NetworkPolicy"}
    assert {name.split()[0] for name in built("kubernetes")} == kinds
    assert set(built("monitoring")) == {"PrometheusRule keras-hyper", "ServiceMonitor keras-hyper"}


def test_gpu_overlay_gives_every_server_a_gpu_and_a_fixed_number_of_them():
    objects = built("gpu")
    assert "HorizontalPodAutoscaler keras-hyper" not in objects
    assert objects["Deployment keras-hyper"]["spec"]["replicas"] >= 2
    (server,) = pod_of(objects)["containers"]
    assert IMAGE.fullmatch(server["image"]) and server["image"].endswith("-gpu")
    assert server["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {"name": "TF_FORCE_GPU_ALLOW_GROWTH", "value": "true"} in server["env"]
    assert server["args"] == container()["args"]


def test_downloaded_models_take_the_place_of_the_volume():
    objects = built("download")
    pod = pod_of(objects)
    (volume,) = (one for one in pod["volumes"] if one["name"] == "models")
    assert volume.keys() == {"name", "emptyDir"}
    (download,) = pod["initContainers"]
    assert download["volumeMounts"] == [{"name": "models", "mountPath": "/models"}]
    (source,) = download["envFrom"]
    found = objects["ConfigMap keras-hyper-models"]
    assert found["metadata"]["name"] == source["configMapRef"]["name"]
    assert found["data"].keys() == {"URL", "SHA256"} and len(found["data"]["SHA256"]) == 64
    assert objects["NetworkPolicy keras-hyper"]["spec"]["egress"]


@pytest.mark.parametrize("change", ["", "x"], ids=["right", "wrong checksum"])
def test_models_are_unpacked_only_with_the_right_checksum(tmp_path, change):
    (kustomization,) = documents(DEPLOY / "download" / "kustomization.yaml")
    patch = yaml.safe_load(kustomization["patches"][0]["patch"])
    (download,) = patch["spec"]["template"]["spec"]["initContainers"]
    shell, flags, script = download["command"]
    folder, archive = tmp_path / "models", tmp_path / "models.tar"
    folder.mkdir()
    (tmp_path / "denoise").mkdir()
    (tmp_path / "denoise" / "model").write_text("weights")
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "denoise", "denoise")
    checksum = hashlib.sha256(archive.read_bytes() + change.encode()).hexdigest()
    done = subprocess.run(
        [shell, flags, script.replace("/models\n", f"{folder}\n", 1)],
        env={"PATH": os.environ["PATH"], "URL": archive.as_uri(), "SHA256": checksum},
        capture_output=True,
        timeout=20,
    )
    assert (done.returncode == 0) == (not change), done.stderr
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert names == ({"denoise", "denoise/model"} if not change else {"models.tar"})


def test_kserve_serves_the_same_models_from_the_same_claim():
    services = documents(DEPLOY / "kserve" / "inference_services.yaml")
    assert [one["metadata"]["name"] for one in services] == ["denoise", "dejpeg"]
    (deployment,) = documents(DEPLOY / "kubernetes" / "deployment.yaml")
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    (claim,) = (one["persistentVolumeClaim"] for one in volumes if one["name"] == "models")
    for service in services:
        assert service["apiVersion"] == "serving.kserve.io/v1beta1"
        assert service["kind"] == "InferenceService" and service["spec"].keys() == {"predictor"}
        name, predictor = service["metadata"]["name"], service["spec"]["predictor"]
        assert predictor.keys() == {"minReplicas", "maxReplicas", "model"}
        model = dict(predictor["model"])
        assert model.pop("storageUri") == f"pvc://{claim['claimName']}/{name}"
        assert model.pop("modelFormat") == {"name": "tensorflow", "version": "2"}
        assert model.pop("protocolVersion") == "grpc-v1"
        assert IMAGE.fullmatch(f"tensorflow/serving:{model.pop('runtimeVersion')}")
        # The rest are fields of a container.
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
               "spec": {"containers": [{"name": "kserve-container", **model}]}}  # fmt: skip
        assert kubernetes_validate.validate(pod, "1.30", strict=True) == "1.30"


def test_servers_have_few_rights_and_end_after_their_requests():
    (deployment,) = documents(DEPLOY / "kubernetes" / "deployment.yaml")
    pod, rights = deployment["spec"]["template"]["spec"], container()["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    assert rights["readOnlyRootFilesystem"] and rights["allowPrivilegeEscalation"] is False
    assert rights["capabilities"]["drop"] == ["ALL"]
    # Without a handler of SIGTERM, the pause before it is all the time that requests have.
    pause = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    assert 20 <= pause < pod["terminationGracePeriodSeconds"] <= pause + 10


def test_policies_select_the_servers():
    labels = {"app": "keras-hyper"}
    (budget,) = documents(DEPLOY / "kubernetes" / "disruption.yaml")
    assert budget["spec"]["selector"]["matchLabels"] == labels
    (policy,) = documents(DEPLOY / "kubernetes" / "network.yaml")
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    ports = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
    assert ports == {port["containerPort"] for port in container()["ports"]}


def test_probes_use_ports_of_the_container():
    probes = {
        name: container()[name] for name in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    names = {port["name"] for port in container()["ports"]}
    assert probes["startupProbe"]["httpGet"]["port"] in names
    assert probes["livenessProbe"]["tcpSocket"]["port"] in names
    # Loading and warming up may take minutes.
    start = probes["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] >= 300
