import sys

import pytest

from keras_hyper.errors import WrongArgumentError
from keras_hyper.plugins import run_plugin
from pipelines import ESTIMATOR_TASKS, TASKS

SOURCE = """
from dataclasses import replace

from pipelines import ESTIMATOR_TASKS, TASKS, register_task

register_task(replace(TASKS["denoise"], name="of-a-plugin", usage="keras-hyper restore IN OUT"))
register_task(replace(ESTIMATOR_TASKS["estimate"], name="estimator-of-a-plugin", usage="mine IN"))
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "a user's.py"
    yield path
    TASKS.pop("of-a-plugin", None)
    ESTIMATOR_TASKS.pop("estimator-of-a-plugin", None)
    sys.modules.pop(str(path), None)


def test_the_next_command_of_a_registered_task_names_the_file(plugin):
    plugin.write_text(SOURCE)
    before = TASKS["denoise"].usage
    run_plugin(plugin)
    usage = TASKS["of-a-plugin"].usage
    assert usage.startswith("keras-hyper restore IN OUT --plugin ") and "a user'\"'\"'s.py" in usage
    assert ESTIMATOR_TASKS["estimator-of-a-plugin"].usage == "mine IN"
    assert TASKS["denoise"].usage == before


def test_a_file_runs_once(plugin, capsys):
    plugin.write_text("print('run')")
    run_plugin(plugin)
    run_plugin(plugin)
    assert capsys.readouterr().out == "run\n"


def test_a_file_that_failed_runs_again(plugin, capsys):
    plugin.write_text("1 / 0")
    with pytest.raises(WrongArgumentError, match="s.py: ZeroDivisionError: division by zero"):
        run_plugin(plugin)
    plugin.write_text("print('run')")
    run_plugin(plugin)
    assert capsys.readouterr().out == "run\n"


def test_a_missing_file_and_one_of_another_kind_are_refused(plugin):
    with pytest.raises(WrongArgumentError, match="--plugin: no such file: .*s.py"):
        run_plugin(plugin)
    other = plugin.with_suffix(".txt")
    other.write_text("1")
    with pytest.raises(WrongArgumentError, match="expected --plugin FILE.py, got .*s.txt"):
        run_plugin(other)
