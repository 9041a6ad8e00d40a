"""Tests of `benchmarks.code_size` on a small made-up package."""

import subprocess

import pytest

from benchmarks import code_size

FIRST = """
def public(a: int, b, *rest, key: str = ""):
    return _once(a) + _twice(b) + _twice(key)


def _once(value):
    return value


def _twice(value):
    return value


def _callback(value):
    return value


TABLE = {"a": _callback, "b": _callback}


class Layer:
    def __init__(self, units: int):
        self.units = units

    def call(self, inputs):
        return self._never(inputs)

    def __repr__(self):
        return ""
"""
SECOND = """
def _once():
    return 1


PAIR = _once(), _once()


class _Private:
    def method(self, value):
        pass
"""
LONG = "def exactly():\n" + "    x = 1\n" * 39 + "\n\ndef above():\n" + "    x = 1\n" * 40


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "made_up"
    folder.mkdir()
    for name, text in (("first.py", FIRST), ("second.py", SECOND), ("long.py", LONG)):
        (folder / name).write_text(text)
    (folder / "notes.txt").write_text("no Python")
    return tmp_path


def test_counts_of_a_small_package(package):
    figures = code_size.measure(package, ("made_up", "absent.py"))
    lines = sum(len(text.splitlines()) for text in (FIRST, SECOND, LONG))
    assert figures["Python files"] == 3
    assert figures["lines"] == lines
    assert figures["functions"] == 4 + 3 + 2 + 2
    assert figures["functions above 40 lines"] == 1
    # `_once` of the first file: the second file's uses belong to its own `_once`.
    assert figures["private helpers used at most once"] == 1
    assert figures["their share of all functions, %"] == pytest.approx(100 / 11, abs=0.05)
    # a, key and units have a type; b and *rest have none. `call` and private classes are excluded.
    assert figures["typed arguments of public functions, %"] == 60.0
    assert figures["top-level definitions"] == 4 + 1 + 2 + 2


def test_prints_a_revision_beside_the_working_tree(capsys):
    git = ["git", "rev-parse", "HEAD"]
    if subprocess.run(git, capture_output=True).returncode:
        pytest.skip("not a git checkout")
    code_size.main(["HEAD"])
    header, files, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == ["HEAD", "working", "tree"]
    assert files.startswith("Python files") and len(files.split()) == 4
