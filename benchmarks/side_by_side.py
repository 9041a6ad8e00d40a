"""Timing two things in turn, so that a machine that slows down slows both."""

import statistics
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

console = Console(width=110)


def ratio(ours: Callable, theirs: Callable, rounds: int) -> tuple[float, float, float]:
    """Times two functions in turn.

    Args:
        ours: The first function; called once before it is timed.
        theirs: The second.
        rounds: How often each is timed.

    Returns:
        Median seconds of ours, median seconds of theirs, median over the rounds of theirs / ours.
    """
    ours(), theirs()
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(rounds)]
    first, second = zip(*pairs, strict=True)
    return statistics.median(first), statistics.median(second), median_ratio(second, first)


def median_ratio(first: Iterable[float], second: Iterable[float]) -> float:
    """Returns the median over the rounds of first / second."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def in_turn(functions: Mapping[Hashable, Callable], rounds: int) -> dict[Hashable, list[float]]:
    """Measures the processor time of several functions in turn, each called once before.

    On one core (``taskset -c 0``) it is the time that passes if nothing else runs.

    Returns:
        The seconds of each round by name.
    """
    for function in functions.values():
        function()
    clock = time.process_time
    times = [{name: _seconds(f, clock) for name, f in functions.items()} for _ in range(rounds)]
    return {name: [row[name] for row in times] for name in functions}


def _seconds(function, clock=time.perf_counter):
    begun = clock()
    function()
    return clock() - begun


def show(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table; numbers with three digits."""
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, str) else f"{cell:.3g}" for cell in row))
    console.print(table)
