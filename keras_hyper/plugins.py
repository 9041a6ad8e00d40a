"""Files of a user that register tasks."""

import importlib.util
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from keras_hyper.errors import WrongArgumentError


def run_plugin(file: Path) -> None:
    """Runs a Python file that registers tasks; a file that has run does not run again.

    The next command of each task that it registers (`Task.usage`) gets ``--plugin``.

    Args:
        file: The file.

    Raises:
        WrongArgumentError: If the file does not exist, is of another kind, or raises an error.
    """
    from pipelines.tasks import ESTIMATOR_TASKS, TASKS

    path = str(file.resolve())
    if path in sys.modules:
        return
    if not file.is_file():
        raise WrongArgumentError(f"--plugin: no such file: {file}")
    tables: list[dict[str, Any]] = [TASKS, ESTIMATOR_TASKS]
    known = [set(table) for table in tables]
    spec = importlib.util.spec_from_file_location(path, path)
    if spec is None or spec.loader is None:
        raise WrongArgumentError(f"expected --plugin FILE.py, got {file}")
    module = sys.modules[path] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[path]
        raise WrongArgumentError(f"{file}: {type(error).__name__}: {error}") from error
    for table, before in zip(tables, known, strict=True):
        for name in set(table) - before:
            usage = f"{table[name].usage} --plugin {shlex.quote(str(file))}"
            if usage.startswith("keras-hyper "):
                table[name] = replace(table[name], usage=usage)
