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


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Returns a parser of whole numbers from `least` to `most`; None for no upper bound."""

    def number(word: str) -> int:
        if not word.isdecimal() or int(word) < least or (most is not None and int(word) > most):
            bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"expected a whole number {bounds}, got {word!r}")
        return int(word)

    return number


def one_or_more(word: str) -> int | list[int]:
    """Returns an integer above 0, or a list of them from a text with commas."""
    numbers = [whole(1)(part) for part in word.split(",")]
    return numbers[0] if len(numbers) == 1 else numbers
