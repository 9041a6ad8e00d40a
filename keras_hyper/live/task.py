"""A task on the page: a network and what is known of its levels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class LiveTask:
    """A task on the page.

    Args:
        name: What the network is called.
        model: The network that restores.
        check: ``level -> level``; raises ValueError where it makes no sense.
        slider: Lowest and highest level of the slider, and its step.
        rising: Whether a higher level means more restoration.
        tell: ``(path, pixels) -> level`` or None where nothing tells it; None if nobody knows how.
        spoil: ``(pixels, level) -> (spoiled, clean)``, uint8; None if the page makes no pictures
            to test with.
        reduced: ``(level, scale) -> level``, a number or a map, of a picture that was averaged to
            `scale` times its size.
        enlarge: ``(pixels, factor) -> pixels`` for a network that sharpens what was enlarged; None
            where the size is kept.
    """

    name: str
    model: Any
    check: Callable[[float], float]
    slider: tuple[float, float, float]
    rising: bool = True
    tell: Callable[[Path, np.ndarray], float | None] | None = None
    spoil: Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray]] | None = None
    reduced: Callable[[Any, float], Any] = lambda level, scale: level
    enlarge: Callable[[np.ndarray, float], np.ndarray] | None = None

    def factor(self, level: float) -> float:
        """Returns how many times larger than the picture its restoration at a level is."""
        return level if self.enlarge else 1.0

    def facts(self) -> dict:
        """Returns what the page asks of the task."""
        return {
            "model": self.name,
            "unit": self.model.unit,
            "range": self.model.level_range,
            "slider": self.slider,
            "rising": self.rising,
            "enlarges": self.enlarge is not None,
            "tells": self.tell is not None,
            "spoils": self.spoil is not None,
            "paints": self.enlarge is None,
        }
