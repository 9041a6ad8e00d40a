"""The import direction: which package may import which."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# package: the other packages of ours that it may import
ALLOWED = {
    "pipelines": set(),
    "keras_hyper.layers": set(),
    "keras_hyper.metrics": {"pipelines"},
    # `keras_hyper.export` at the call of `MainNetwork.export`, which writes ONNX files.
    "keras_hyper.models": {"keras_hyper.layers", "keras_hyper.export"},
    "keras_hyper.methods": {"keras_hyper.layers", "keras_hyper.models"},
    "keras_hyper.training": {
        "keras_hyper.layers", "keras_hyper.methods", "keras_hyper.metrics", "keras_hyper.models",
        "keras_hyper.export", "pipelines",
    },
    "keras_hyper.restoration": {
        "keras_hyper.models", "keras_hyper.export", "keras_hyper.serving.client", "pipelines",
    },
    "keras_hyper.export": {"keras_hyper.models", "pipelines"},
    "keras_hyper.evaluation": {
        "keras_hyper.export", "keras_hyper.metrics", "keras_hyper.restoration", "pipelines",
    },
    # `keras_hyper.restoration` for its engines.
    "keras_hyper.serving.server": {"keras_hyper.export", "keras_hyper.restoration", "pipelines"},
    "keras_hyper.serving.client": {"keras_hyper.restoration", "pipelines"},
    "keras_hyper.live": {
        "keras_hyper.metrics", "keras_hyper.models", "keras_hyper.restoration", "pipelines",
    },
}  # fmt: skip
# These may import everything and are imported by no package.
FREE = (
    "keras_hyper.cli",
    "keras_hyper.errors",
    "keras_hyper.hosts",
    "keras_hyper.numbers",
    "keras_hyper.plugins",
    "keras_hyper.processor",
    "keras_hyper.shipped",
    "keras_hyper.__main__",
    "keras_hyper.__init__",
    "keras_hyper.serving",
)


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def package_of(module):
    names = sorted((*ALLOWED, *FREE), key=len, reverse=True)
    return next((name for name in names if f"{module}.".startswith(f"{name}.")), module)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the package"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(module):
    return module.split(".")[0] in ("keras_hyper", "pipelines")


@pytest.mark.parametrize("package", ALLOWED)
def test_package_imports_only_allowed_packages(package):
    files = sorted((ROOT / package.replace(".", "/")).rglob("*.py"))
    assert files
    for path in files:
        for module in filter(ours, imports_of(path)):
            used = package_of(module)
            allowed = {
                package,
                "keras_hyper.errors",
                "keras_hyper.hosts",
                "keras_hyper.numbers",
                "keras_hyper.plugins",
                "keras_hyper.processor",
                "keras_hyper.shipped",
                *ALLOWED[package],
            }
            assert used in allowed, f"{path} imports {module}"


def test_every_file_is_in_a_package():
    known = {*ALLOWED, *FREE}
    for top in ("keras_hyper", "pipelines"):
        for path in (ROOT / top).rglob("*.py"):
            assert package_of(module_of(path)) in known, path


def test_forbidden_import_is_found():
    assert package_of("keras_hyper.models.hyper_res.HyperRes") == "keras_hyper.models"
    assert package_of("keras_hyper.serving.client.client") == "keras_hyper.serving.client"
    assert package_of("pipelines.tasks.TASKS") == "pipelines"


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module", ["keras_hyper", "keras_hyper.cli", "keras_hyper.serving.client.client"]
)
def test_imports_without_keras_and_tensorflow(module):
    program = f"import sys, {module}; print({{'keras', 'tensorflow'}} & set(sys.modules))"
    assert run(program) == "set()"


@pytest.mark.parametrize(
    "imports",
    [
        "import keras, keras_hyper",
        "import keras_hyper, keras",
        "import keras_hyper.layers, keras",
        "import keras_hyper.metrics, keras",
        "from keras_hyper import HyperRes; import keras",
    ],
)
def test_classes_are_registered_in_any_import_order(imports):
    path = "saved_models/denoise_tiny/model.keras"
    program = f"{imports}; print(keras.models.load_model({path!r}).task)"
    assert run(program).splitlines()[-1] == "denoise"
