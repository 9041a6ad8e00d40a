"""If a test process dies, the tests end with status `DIED`, and the Makefile runs them again."""

from types import SimpleNamespace

import pytest

from tests.conftest import DIED, ROOT, pytest_sessionfinish, pytest_testnodedown


@pytest.mark.parametrize(("error", "expected"), [(None, 1), ("Not properly terminated", DIED)])
def test_status_of_a_dead_process_is_not_that_of_a_failed_test(error, expected):
    config = SimpleNamespace(stash=pytest.Stash())
    session = SimpleNamespace(config=config, exitstatus=1)
    pytest_testnodedown(SimpleNamespace(config=config), error)
    pytest_sessionfinish(session)
    assert session.exitstatus == expected


def test_makefile_repeats_at_that_status():
    assert f"test $$? = {DIED} &&" in (ROOT / "Makefile").read_text()
