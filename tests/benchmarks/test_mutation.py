"""Tests of `benchmarks.mutation` on a small made-up package."""

import re
import signal

import pytest

pytest.importorskip("cosmic_ray", reason="the extra `mutation` is not installed")

from benchmarks import mutation

SOURCE = '''"""A module of 3 functions."""

DEFAULT: int | None = None


def half(value: int | float) -> int | float:
    return value / 2


def is_large(value: int | None) -> bool:
    return value is not None and value > 10
'''
TESTS = """from toy.numbers import half, is_large


def test_half():
    assert half(6) == 3


def test_is_large():
    assert is_large(100) and not is_large(1) and not is_large(None)
"""


@pytest.fixture
def toy(tmp_path):
    root = tmp_path / "root"
    for name, text in (
        # As in this project: an option that is unknown in the run of the tests is an error.
        ("pytest.ini", "[pytest]\nfaulthandler_timeout = 600\nfilterwarnings = error\n"),
        ("toy/numbers.py", SOURCE),
        ("tests/toy/test_numbers.py", TESTS),
        ("tests/toy/test_with_both.py", "import toy.numbers\n"),
        ("tests/toy/test_another.py", "def test():\n    pass\n"),
        ("tests/test_elsewhere.py", "import toy.numbers\n"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_each_place_of_the_sample_has_one_change_and_annotations_have_none(toy):
    path = toy / "toy" / "numbers.py"
    mutants = mutation.sample([path], 100, 0)
    # `/` and 2, then `is not`, `and`, `>` and 10; `None` and annotations have no other operator.
    assert [mutant.line for mutant in mutants] == [7, 7, 11, 11, 11, 11]
    assert {mutant.path for mutant in mutants} == {path}
    for mutant in mutants:
        changed = [
            (before, after)
            for before, after in zip(SOURCE.splitlines(), mutant.text.splitlines(), strict=True)
            if before != after
        ]
        assert [after.strip() for _, after in changed] == [str(mutant)]
    assert mutation.sample([path], 3, 1) == mutation.sample([path], 3, 1)
    assert len(mutation.sample([path], 3, 1)) == 3


def test_the_tests_of_a_module_come_first_then_those_that_name_it(toy):
    found = mutation.tests_of(toy / "toy" / "numbers.py", toy)
    assert [path.name for path in found] == [
        "test_numbers.py",
        "test_with_both.py",
        "test_another.py",
    ]


def test_prints_the_survivors_and_the_score(toy, capsys):
    mutation.main(["toy"], toy)
    *survivors, score = capsys.readouterr().out.splitlines()
    # The tests know no value near 10.
    assert re.fullmatch(r"toy/numbers\.py:11: return .* > (9|11|\s*\d+)", survivors[-1])
    assert (
        score == f"{6 - len(survivors)} of 6 mutants killed: {100 - 100 * len(survivors) / 6:.0f} %"
    )
    assert (toy / "toy" / "numbers.py").read_text() == SOURCE


def test_tests_that_fail_or_run_too_long_are_no_score(toy):
    with pytest.raises(RuntimeError, match="expected tests of .*numbers.py that pass"):
        (toy / "tests" / "toy" / "test_numbers.py").write_text("def test():\n    assert False\n")
        mutation.main(["toy"], toy)
    slow = toy / "tests" / "toy" / "test_numbers.py"
    slow.write_text("import time\n\n\ndef test():\n    time.sleep(60)\n")
    assert mutation.run([slow], toy, limit=1.0) == -signal.SIGALRM
