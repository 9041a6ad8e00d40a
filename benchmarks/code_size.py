"""Size of the code: `python -m benchmarks.code_size [REV]` compares the tree with a revision."""

import argparse
import ast
import io
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SOURCES = ("keras_hyper", "pipelines", "train.py")
MAX_FUNCTION_LINES = 40
KERAS_OVERRIDES = {"build", "call", "get_config"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def measure(root: Path, sources: tuple[str, ...] = SOURCES) -> dict[str, float]:
    """Counts files, lines, functions, helpers and types of Python sources.

    Args:
        root: Folder that contains the sources.
        sources: Files and folders below `root`. Names that do not exist are skipped.

    Returns:
        Figures by name. Shares are percentages.
    """
    texts = [path.read_text() for source in sources for path in _python_files(root / source)]
    trees = [ast.parse(text) for text in texts]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    arguments = [typed for tree in trees for typed in _public_arguments(tree)]
    return {
        "Python files": len(texts),
        "lines": sum(len(text.splitlines()) for text in texts),
        "functions": len(functions),
        f"functions above {MAX_FUNCTION_LINES} lines": sum(
            node.end_lineno - node.lineno >= MAX_FUNCTION_LINES for node in functions
        ),
        "the same without docstrings": sum(
            node.end_lineno - node.lineno - _docstring_lines(node) >= MAX_FUNCTION_LINES
            for node in functions
        ),
        "private helpers used at most once": once_used_helpers(trees),
        "their share of all functions, %": _percent(once_used_helpers(trees), len(functions)),
        "typed arguments of public functions, %": _percent(sum(arguments), len(arguments)),
        "top-level definitions": sum(
            isinstance(node, (*FUNCTIONS, ast.ClassDef)) for tree in trees for node in tree.body
        ),
    }


def once_used_helpers(trees: list[ast.Module]) -> int:
    """Counts functions and methods named `_name` that are used at most once.

    A call and a reference (a callback, a decorator) are both uses. Uses in another file count
    unless that file defines the same name itself.
    """
    defined = [
        Counter(node.name for node in ast.walk(t) if isinstance(node, FUNCTIONS)) for t in trees
    ]
    used = [Counter(_loaded_names(tree)) for tree in trees]
    count = 0
    for own, names in enumerate(defined):
        for name, definitions in names.items():
            if not name.startswith("_") or name.startswith("__"):
                continue
            uses = sum(u[name] for i, u in enumerate(used) if i == own or name not in defined[i])
            count += definitions if uses <= definitions else 0
    return count


def _docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    text = ast.get_docstring(function, clean=False)
    return len(text.splitlines()) if text else 0


def _python_files(source: Path) -> list[Path]:
    return sorted(source.rglob("*.py")) if source.is_dir() else [source] * source.exists()


def _loaded_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr


def _public_arguments(node: ast.Module | ast.ClassDef) -> Iterator[bool]:
    """Yields for each argument of public functions and methods whether it has an annotation."""
    for child in node.body:
        if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            continue
        if child.name.startswith("_") and child.name != "__init__":
            continue
        if isinstance(child, ast.ClassDef):
            yield from _public_arguments(child)
        elif child.name not in KERAS_OVERRIDES:
            a = child.args
            every = [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg]
            for argument in filter(None, every):
                if argument.arg not in ("self", "cls"):
                    yield argument.annotation is not None


def _percent(part: int, whole: int) -> float:
    return round(100 * part / max(1, whole), 1)


def measure_revision(revision: str) -> dict[str, float]:
    """Measures a git revision of this repository, unpacked into a temporary folder."""
    command = ["git", "archive", revision]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
        return measure(Path(folder))


def main(argv: list[str] | None = None) -> None:
    """Prints one row for each figure, one column for each tree."""
    parser = argparse.ArgumentParser(prog="code_size", description=__doc__)
    parser.add_argument("revision", nargs="?", metavar="REV", help="git revision to compare with")
    revision = parser.parse_args(argv).revision
    columns = {revision: measure_revision(revision)} if revision else {}
    columns["working tree"] = measure(Path(__file__).resolve().parents[1])
    print(f"{'':40}" + "".join(f"{name:>14}" for name in columns))
    for figure in columns["working tree"]:
        print(f"{figure:40}" + "".join(f"{values[figure]:>14,}" for values in columns.values()))


if __name__ == "__main__":
    main()
