"""Commands in README and docs are accepted by the parsers of the real commands."""

import re
import shlex

import pytest

import train
from benchmarks.paper import __main__ as paper
from keras_hyper import cli
from tests.conftest import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = {
    "keras-hyper": cli.main,
    "python train.py": train.main,
    "python -m benchmarks.paper": paper.main,
}


def commands():
    for document in DOCUMENTS:
        for block in re.findall(r"```sh\n(.*?)```", document.read_text(), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                for program in PROGRAMS:
                    if line.startswith(f"{program} ") and "$" not in line:
                        yield pytest.param(program, line, id=f"{document.name}: {line[:60]}")


@pytest.fixture
def parse_only(monkeypatch):
    """Replaces the job of every command, so that commands are only parsed."""
    for module in (cli, train, paper):
        if hasattr(module, "run"):
            monkeypatch.setattr(module, "run", lambda *args, **kwargs: 0)


@pytest.mark.parametrize(("program", "line"), list(commands()))
def test_documented_command_is_accepted(program, line, parse_only, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = shlex.split(line, comments=True)[len(program.split()) :]
    end = min((words.index(mark) for mark in ("|", ">", "&", "&&") if mark in words), default=None)
    assert PROGRAMS[program](words[:end]) == 0


def test_documents_have_commands_of_every_program():
    assert {parameter.values[0] for parameter in commands()} == set(PROGRAMS)
