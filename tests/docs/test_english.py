"""The glossary: words that documents, docstrings and messages do not use."""

import re

import pytest

from tests.conftest import ROOT

BANNED = re.compile(
    r"\btold\b|\btells?\b|\bdoors\b|\bjudges?\b|\bspoil|\bwas wanted\b|Received:|\bthere is none\b"
    r"|\bis there\b|\bleft out\b|\bunharmed\b|\bunseen\b|\blooks?\b.* far|\bnobody\b|--start\b"
    r"|--every\b|--at-once\b|--slow-link\b",
    re.IGNORECASE,
)
CLEAN = (
    "README.md",
    "Makefile",
    "benchmarks/code_size.py",
    "benchmarks/paper/card.py",
    "benchmarks/paper/clean_image_change.py",
    "benchmarks/paper/page.py",
    "benchmarks/paper/report.py",
    "benchmarks/paper/untrained_levels.py",
    "keras_hyper/cli/__init__.py",
    "keras_hyper/cli/estimate.py",
    "keras_hyper/cli/evaluate.py",
    "keras_hyper/cli/one_line.py",
    "keras_hyper/cli/restore.py",
    "keras_hyper/cli/sheet.py",
    "keras_hyper/evaluation/*.py",
    "keras_hyper/restoration/*.py",
    "pipelines/images.py",
    "pipelines/jpeg_analysis.py",
    "tests/keras_hyper/cli/test_commands.py",
    "tests/keras_hyper/cli/test_evaluate.py",
    "tests/keras_hyper/cli/test_restore*.py",
    "tests/keras_hyper/evaluation/*.py",
    "tests/keras_hyper/restoration/*.py",
    "saved_models/*/README.md",
)


@pytest.mark.parametrize("pattern", CLEAN)
def test_text_has_no_banned_words(pattern):
    paths = list(ROOT.glob(pattern))
    assert paths
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if BANNED.search(line)
    ]
    assert not found, "\n".join(found)
