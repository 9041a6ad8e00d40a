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
    "train.py",
    "benchmarks/*.py",
    "benchmarks/paper/*.py",
    "deploy/**/*.*",
    "docs/*.md",
    "keras_hyper/**/*.md",
    "keras_hyper/live/static/*.*",
    "keras_hyper/**/*.py",
    "keras_hyper/live/static/**/*.js",
    "pipelines/**/*.py",
    "recipes/**/*.args",
    "pipelines/**/*.md",
    "pyproject.toml",
    "saved_models/**/*.md",
    "tests/**/*.py",
)
# The former names of flags, and the words themselves.
EXCEPT = {"docs/interface.md", "tests/docs/test_english.py"}


@pytest.mark.parametrize("pattern", CLEAN)
def test_text_has_no_banned_words(pattern):
    paths = [path for path in ROOT.glob(pattern) if path.relative_to(ROOT).as_posix() not in EXCEPT]
    assert paths
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if BANNED.search(line)
    ]
    assert not found, "\n".join(found)
