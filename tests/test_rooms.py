"""The import direction: who may know whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# room: the rooms of ours that it may import, itself beside them
ROOMS = {
    "pipelines": set(),
    "keras_hyper/layers": set(),
    "keras_hyper/metrics": set(),
    "keras_hyper/image_size.py": set(),
    "keras_hyper/picture_kinds.py": set(),
    "keras_hyper/tiles.py": set(),
    "keras_hyper/models": {"keras_hyper/layers", "keras_hyper/image_size.py"},
    "keras_hyper/training": {"keras_hyper/layers", "keras_hyper/metrics", "keras_hyper/models"},
    "keras_hyper/restoration.py": {
        "keras_hyper/models",
        "keras_hyper/picture_kinds.py",
        "keras_hyper/tiles.py",
    },
    "keras_hyper/evaluation": {"keras_hyper/metrics"},
    "keras_hyper/estimation.py": {"keras_hyper/models", "keras_hyper/picture_kinds.py"},
    "keras_hyper/calibration.py": set(),
    "keras_hyper/level_figures.py": set(),
    "keras_hyper/picture_files.py": set(),
    "keras_hyper/signatures.py": set(),
    "keras_hyper/warm_up.py": set(),
    "keras_hyper/serving_session.py": set(),
    "keras_hyper/serving": {
        "keras_hyper/picture_kinds.py",
        "keras_hyper/serving_session.py",
        "keras_hyper/tiles.py",
    },
    "keras_hyper/live": {
        "keras_hyper/image_size.py",
        "keras_hyper/metrics",
        "keras_hyper/picture_files.py",
        "keras_hyper/picture_kinds.py",
        "keras_hyper/restoration.py",
    },
    "keras_hyper/card.py": {"keras_hyper/models"},
    "keras_hyper/export.py": {
        "keras_hyper/card.py",
        "keras_hyper/models",
        "keras_hyper/serving_session.py",
        "keras_hyper/signatures.py",
        "keras_hyper/warm_up.py",
    },
    "keras_hyper/onnx_export.py": {"keras_hyper/card.py", "keras_hyper/models"},
    "keras_hyper/convert.py": {"keras_hyper/models"},
}
# Joiners may import every room.
FREE = {"keras_hyper/cli", "keras_hyper/__init__.py", "keras_hyper/__main__.py"}


def files(room):
    path = ROOT / room
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the room"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if module_path(whole) else node.module


def module_path(module):
    path = ROOT / module.replace(".", "/")
    if path.with_suffix(".py").exists():
        return path.with_suffix(".py")
    return path if path.is_dir() else None


def room_of(module):
    path = module_path(module)
    if path is None or module.split(".")[0] not in ("keras_hyper", "pipelines"):
        return None
    relative = path.relative_to(ROOT).as_posix()
    fitting = [room for room in {*ROOMS, *FREE} if (relative + "/").startswith(room + "/")]
    return max(fitting, key=len) if fitting else relative


@pytest.mark.parametrize("room", ROOMS)
def test_room_imports_only_what_it_may(room):
    for path in files(room):
        for module in imports(path):
            used = room_of(module)
            assert used is None or used == room or used in ROOMS[room], f"{path} imports {module}"


@pytest.mark.parametrize(
    "room", ["keras_hyper/serving", "keras_hyper/tiles.py", "keras_hyper/picture_kinds.py"]
)
def test_what_serves_needs_no_keras(room):
    for path in files(room):
        assert "keras" not in {module.split(".")[0] for module in imports(path)}, path


def test_every_file_has_a_room():
    known = {path for room in {*ROOMS, *FREE} for path in files(room)}
    ours = {path for top in ("keras_hyper", "pipelines") for path in (ROOT / top).rglob("*.py")}
    assert ours <= known, sorted(ours - known)


def test_the_check_sees_a_forbidden_import(tmp_path):
    assert room_of("keras_hyper.models.hyper_res") == "keras_hyper/models"
    assert room_of("pipelines.tasks") == "pipelines"
    assert room_of("numpy") is None
