import shutil
import subprocess
import sys
import zipfile

import pytest

from keras_hyper.models import presets
from tests.conftest import ROOT

BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
PARTS = ["LICENSE", "README.md", "benchmarks", "keras_hyper", "pipelines", "pyproject.toml"]
PARTS += ["saved_models", "setup.py"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built offline from a copy, because the build writes into its source folder."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "variables", "*.pb")
    for part in PARTS:
        copy = shutil.copyfile if (ROOT / part).is_file() else shutil.copytree
        copy(ROOT / part, source / part, **({} if copy is shutil.copyfile else {"ignore": ignored}))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD, str(folder)],
        cwd=source, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel):
    return set(zipfile.ZipFile(wheel).namelist())


def test_wheel_has_two_top_level_packages(names):
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"keras_hyper", "pipelines"}


@pytest.mark.parametrize(
    ("folder", "pattern", "target"),
    [
        ("keras_hyper", "**/*.py", "keras_hyper"),
        ("keras_hyper/live/static", "**/*", "keras_hyper/live/static"),
        ("keras_hyper/live/ort", "*", "keras_hyper/live/ort"),
        ("pipelines", "**/*.py", "pipelines"),
        ("pipelines/sample_pictures", "*", "pipelines/sample_pictures"),
        ("saved_models", "*/model.keras", "keras_hyper/saved_models"),
        ("saved_models", "*/model.onnx", "keras_hyper/saved_models"),
        ("saved_models", "*/card.json", "keras_hyper/saved_models"),
    ],
)
def test_wheel_has_every_file_of_the_clone(names, folder, pattern, target):
    paths = [path for path in (ROOT / folder).glob(pattern) if path.is_file()]
    assert paths
    assert {f"{target}/{path.relative_to(ROOT / folder).as_posix()}" for path in paths} <= names


def test_shipped_models_are_found_in_a_clone_and_in_an_installed_package(wheel, tmp_path):
    assert presets.shipped_models() == ROOT / "saved_models"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path)
    program = (
        "from keras_hyper import HyperRes; from keras_hyper.models.presets import shipped_models;"
        "print(shipped_models()); print(HyperRes.from_preset('denoise_tiny').task)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [str(tmp_path / "keras_hyper" / "saved_models"), "denoise"]
