"""Parsers of numbers, shards and levels on the command line."""

import argparse
import math
import re
from collections.abc import Callable, Sequence

# One axis of a level, such as noise=15.
_AXIS = re.compile(r"\w+=[-+.\d]*(e[-+]?\d+)?( |$)")


def positive(word: str) -> float:
    """Returns a finite number above 0."""
    return _number(word, lambda number: number > 0, "a number above 0")


def not_negative(word: str) -> float:
    """Returns a finite number of 0 and above."""
    return _number(word, lambda number: number >= 0, "a number of 0 or more")


def at_least_one(word: str) -> float:
    """Returns a finite number of 1 and above."""
    return _number(word, lambda number: number >= 1, "a number of 1 or more")


def share(word: str) -> float:
    """Returns a number from 0 to 1."""
    return _number(word, lambda number: 0 <= number <= 1, "a number from 0 to 1")


def below_one(word: str) -> float:
    """Returns a number between 0 and 1."""
    return _number(word, lambda number: 0 < number < 1, "a factor above 0 and below 1")


def _number(word, fits, expected):
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and fits(number)):
        raise argparse.ArgumentTypeError(f"expected {expected}, got {word!r}")
    return number


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Returns a parser of whole numbers from `least` to `most`; None for no upper bound."""

    def number(word: str) -> int:
        digits = word.removeprefix("-") if least < 0 else word
        if not digits.isdecimal() or int(word) < least or (most is not None and int(word) > most):
            bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"expected a whole number {bounds}, got {word!r}")
        return int(word)

    return number


def one_or_more(word: str) -> int | list[int]:
    """Returns an integer above 0, or a list of them from a text with commas."""
    numbers = [whole(1)(part) for part in word.split(",")]
    return numbers[0] if len(numbers) == 1 else numbers


def shard(word: str) -> tuple[int, int]:
    """Returns the index and the number of ``I/N``; the index is from 0 to N-1."""
    index, slash, count = word.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise argparse.ArgumentTypeError(f"expected I/N with I from 0 to N-1, got {word!r}")
    return int(index), int(count)


def with_axes_joined(argv: Sequence[str]) -> list[str]:
    """Returns the words ``--level noise=15 jpeg=40`` as ``--level "noise=15 jpeg=40"``.

    An option with several words would take the file names that may follow.
    """
    words: list[str] = []
    for word in argv:
        follows = len(words) > 1 and words[-2] == "--level" and _AXIS.match(words[-1])
        if follows and _AXIS.match(word):
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words
