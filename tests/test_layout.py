"""Where the tests of a module are: those of a/b.py in tests/a/test_b.py, or in the files below."""

import pytest

from tests.conftest import ROOT

# Their tests need what those of another module set up: a server, a browser, a family of layers.
ELSEWHERE = {
    "keras_hyper/__main__.py": "keras_hyper/cli/test_serve.py",
    "keras_hyper/cli/convert.py": "keras_hyper/cli/test_commands.py",
    "keras_hyper/cli/export.py": "keras_hyper/cli/test_export_onnx.py",
    "keras_hyper/cli/page.py": "keras_hyper/live/test_static_page.py",
    "keras_hyper/layers/generated.py": "keras_hyper/layers/test_hyper_layers.py",
    "keras_hyper/live/static_site.py": "keras_hyper/live/test_static_page.py",
    "keras_hyper/serving/server/grpc_server.py": "keras_hyper/serving/test_api_conformance.py",
    "keras_hyper/serving/server/rest.py": "keras_hyper/serving/test_rest_conformance.py",
    "keras_hyper/serving/server/service.py": "keras_hyper/serving/server/test_server.py",
}
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for package in ("keras_hyper", "pipelines")
    for path in (ROOT / package).rglob("*.py")
    if path.name != "__init__.py" and not path.name.endswith("_pb2.py")
)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_tests(module):
    folder, name = module.rsplit("/", 1)
    mirrored = ROOT / "tests" / folder / f"test_{name}"
    if module in ELSEWHERE:
        assert not mirrored.exists() and (ROOT / "tests" / ELSEWHERE[module]).is_file()
    else:
        assert mirrored.is_file()


def test_the_listed_modules_exist():
    assert set(ELSEWHERE) <= set(MODULES)
