"""Parsers of numbers on the command line."""

import argparse
import math
from collections.abc import Callable


def positive(word: str) -> float:
    """Returns a finite number above 0."""
    try:
        number = float(word)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {word!r}")
    return number


def below_one(word: str) -> float:
    """Returns a number between 0 and 1."""
    number = positive(word)
    if number >= 1:
        raise argparse.ArgumentTypeError(f"expected a factor below 1, got {word!r}")
    return number


def at_least(bound: int) -> Callable[[str], int]:
    """Returns a parser of integers of at least `bound`."""

    def number(word: str) -> int:
        if not word.isdecimal() or int(word) < bound:
            raise argparse.ArgumentTypeError(
                f"expected an integer of at least {bound}, got {word!r}"
            )
        return int(word)

    return number


def one_or_more(word: str) -> int | list[int]:
    """Returns an integer above 0, or a list of them from a text with commas."""
    numbers = [at_least(1)(part) for part in word.split(",")]
    return numbers[0] if len(numbers) == 1 else numbers
