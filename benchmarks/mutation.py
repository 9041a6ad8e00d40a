"""Mutation score of a package: `python -m benchmarks.mutation keras_hyper/layers --sample 60`.

Cosmic Ray changes one operator, number, comparison or keyword of the source. A mutant is killed if
a test fails or takes too long: those of the mutated module, then the others in the same folder.
Each mutant runs in a fork of this process, so that TensorFlow is imported once. Install the extra
`mutation` first; docs/mutation.md has results.
"""

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import tensorflow  # noqa: F401  Imported once for all forks, with Keras.
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[1]
# `|` is in annotations, mostly. `is` and `==` are the same for None, True and small integers.
_SKIPPED = re.compile("_BitOr_|(Eq|Lt|LtE|Gt|GtE)_Is(Not)?$|_Is_Eq$|_IsNot_NotEq$")


class Mutant(NamedTuple):
    """One change of one file: the line it begins at, from 1, and the text of the whole file."""

    path: Path
    line: int
    text: str

    def at(self, root: Path) -> str:
        """Returns the place as ``path:line``, from the tree `root`."""
        return f"{self.path.relative_to(root)}:{self.line}"

    def __str__(self) -> str:
        before = self.path.read_text().splitlines()
        changed = [line.strip() for line in self.text.splitlines() if line not in before]
        return " / ".join(changed) or f"without {before[self.line - 1].strip()}"


def sample(paths: list[Path], number: int, seed: int) -> list[Mutant]:
    """Returns one random change at each of `number` random places, sorted by place.

    Changes of type annotations, and those that do not compile, are skipped.
    """
    rng = random.Random(seed)
    places = [(path, *place) for path in paths for place in sorted(_places(path).items())]
    rng.shuffle(places)
    found: list[Mutant] = []
    for path, (start, _), changes in places:
        source, (name, occurrence) = path.read_text(), rng.choice(changes)
        # Cosmic Ray cannot change an `except` of a dotted name: its node has no `value`.
        with contextlib.suppress(SyntaxError, AttributeError):
            text = mutate_code(source, get_operator(name)(), occurrence)
            compile(text, "", "exec")
            found.append(Mutant(path, start[0], text))
        if len(found) == number:
            break
    return sorted(found)


def _places(path: Path) -> dict[tuple, list[tuple[str, int]]]:
    # {position: operators of Cosmic Ray's, and which of their occurrences it is}
    places = defaultdict(list)
    nodes = list(ast_nodes(get_ast(path.read_text())))
    for name in operator_names():
        if not _SKIPPED.search(name) and not get_operator(name).arguments():
            positions = (at for n in nodes for at in get_operator(name)().mutation_positions(n))
            for occurrence, position in enumerate(positions):
                places[position].append((name, occurrence))
    return places


def tests_of(path: Path, root: Path) -> list[Path]:
    """Returns the tests of a module: its own, those that name it, the others there."""
    module = path.relative_to(root).with_suffix("")
    folder = root / "tests" / module.parent

    def rank(test):
        return test != folder / f"test_{module.name}.py", module.name not in test.read_text(), test

    return sorted(folder.glob("test_*.py"), key=rank)


def run(tests: list[Path], root: Path, limit: float) -> int:
    """Runs tests of the tree `root` in a fork. Returns pytest's exit code, -14 after `limit` s."""
    child = os.fork()
    if not child:
        os.setsid()
        signal.setitimer(signal.ITIMER_REAL, limit)
        os.chdir(root)
        os.environ.update(PYTHONPATH=str(root), PYTHONDONTWRITEBYTECODE="1")
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(root))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        # A timer of faulthandler has no thread in a fork: to cancel it waits for ever.
        off = ["-p", "no:cacheprovider", "-p", "no:faulthandler"]
        # Without that plugin its setting is unknown, a warning that would be an error.
        off += ["-W", "ignore:Unknown config option"]
        os._exit(pytest.main(["-x", *off, *map(str, tests)]))
    status = os.waitpid(child, 0)[1]
    with contextlib.suppress(ProcessLookupError):  # processes that the tests left
        os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status)


def survivors(mutants: list[Mutant], root: Path) -> Iterator[Mutant]:
    """Yields the mutants that pass every test, in a copy of the tree `root`."""
    with tempfile.TemporaryDirectory() as folder:
        copy, limits = Path(folder) / root.name, {}
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "runs"))
        (copy / ".git").symlink_to(root / ".git")
        (copy.parent / "shared").symlink_to(root.parent / "shared")
        for mutant in mutants:
            path = copy / mutant.path.relative_to(root)
            source, tests, start = path.read_text(), tests_of(path, copy), time.monotonic()
            if path not in limits:
                if tests and run(tests, copy, 900):
                    raise RuntimeError(f"expected tests of {mutant.path} that pass, got a failure")
                limits[path] = 30 + 5 * (time.monotonic() - start)
            path.write_text(mutant.text)
            # The first file kills most: the others are not even imported then.
            if not any(run(part, copy, limits[path]) for part in (tests[:1], tests[1:]) if part):
                yield mutant
            path.write_text(source)


def main(argv: list[str] | None = None, root: Path = ROOT) -> None:
    """Prints the survivors, then the score."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("source", nargs="+", help="folders or files, from the repository's root")
    parser.add_argument("--sample", type=int, default=60, help="number of mutants")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at", nargs="+", metavar="FILE:LINE", help="only these of the sample")
    options = parser.parse_args(argv)
    paths = [p for f in options.source for p in sorted((root / f).rglob("*.py")) or [root / f]]
    mutants = sample(paths, options.sample, options.seed)
    mutants = [m for m in mutants if options.at is None or m.at(root) in options.at]
    number = killed = len(mutants)
    for mutant in survivors(mutants, root):
        killed -= 1
        print(f"{mutant.at(root)}: {mutant}", flush=True)
    print(f"{killed} of {number} mutants killed: {100 * killed / max(1, number):.0f} %")


if __name__ == "__main__":
    main()
