"""Facts about a task are only in its row: no comparison with a name, no dictionary of names."""

import ast
import re

import pytest

from pipelines import ESTIMATOR_TASKS, TASKS
from tests.conftest import ROOT

# "estimate" is the name of a command and of an objective, too.
NAMES = {*TASKS, *ESTIMATOR_TASKS} - {"estimate"}
PYTHON = sorted(
    {
        ROOT / "train.py",
        *(path for part in ("keras_hyper", "pipelines", "benchmarks")
          for path in (ROOT / part).rglob("*.py")),
    } - {ROOT / "pipelines" / "tasks.py"}
)  # fmt: skip
SCRIPTS = sorted((ROOT / "keras_hyper" / "live" / "static").rglob("*.js"))


def facts_beside_the_row(source):
    """Returns the lines that compare with a task's name, or use one as the key of a dictionary."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            found = [node.left, *node.comparators]
            found += [part for side in found if isinstance(side, ast.Tuple | ast.List | ast.Set)
                      for part in side.elts]  # fmt: skip
        elif isinstance(node, ast.Dict):
            found = node.keys
        elif isinstance(node, ast.MatchValue):
            found = [node.value]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict":
            found = [ast.Constant(keyword.arg) for keyword in node.keywords]
        else:
            continue
        if any(isinstance(part, ast.Constant) and part.value in NAMES for part in found):
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_fact_about_a_task_is_outside_its_row(path):
    assert facts_beside_the_row(path.read_text()) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_page_scripts_contain_no_task_name(path):
    assert re.findall(rf"\b(?:{'|'.join(NAMES)})\b", path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        'if task.name == "denoise": pass',
        'if "sr" != args.task: pass',
        'if task.name in ("dejpeg", "other"): pass',
        'LEVELS = {"denoise": (5, 25), "other": ()}',
        "LEVELS = dict(sr=(2, 3))",
        'match task.name:\n    case "estimate-quality": pass',
    ],
)
def test_search_finds_every_form(source):
    assert len(facts_beside_the_row(source)) == 1


def test_search_ignores_other_uses():
    assert facts_beside_the_row('task = TASKS["denoise"]; facts = {"task": "denoise"}') == []
