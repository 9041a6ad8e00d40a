"""Change of clean images: flat colours and a clean photograph."""

from collections.abc import Callable, Mapping

import numpy as np

_COLOURS = {
    "black": (0.0, 0.0, 0.0),
    "white": (1.0, 1.0, 1.0),
    "gray": (0.5, 0.5, 0.5),
    "red": (0.8, 0.2, 0.2),
    "green": (0.2, 0.6, 0.3),
    "blue": (0.2, 0.3, 0.7),
    "skin": (0.9, 0.7, 0.6),
}


def flat_pictures(channels: int, side: int = 96) -> dict[str, np.ndarray]:
    """Returns pictures of one colour by name, float32 ``(side, side, channels)`` in [0, 1]."""
    colours = _COLOURS if channels == 3 else {n: c for n, c in _COLOURS.items() if len(set(c)) == 1}
    return {
        name: np.full((side, side, channels), np.rint(255 * np.array(colour[:channels])) / 255)
        .astype(np.float32)
        for name, colour in colours.items()
    }  # fmt: skip


def clean_image_change(
    restore: Callable[[np.ndarray, float], np.ndarray],
    pictures: Mapping[str, np.ndarray],
    level: float,
) -> list[dict]:
    """Restores clean images and measures how much they change.

    Args:
        restore: ``(picture, level) -> restored``.
        pictures: float32 ``(height, width, channels)`` in [0, 1], by name.
        level: The weakest level, in the task's unit.

    Returns:
        One row per picture: ``picture``; ``change``, the mean absolute difference, and
        ``drift``, the largest difference of a channel's mean. Both are in 8-bit steps, after
        clipping and rounding.
    """
    rows = []
    for name, picture in pictures.items():
        restored = np.rint(255.0 * np.clip(restore(picture, level), 0.0, 1.0))
        difference = restored.astype(np.float64) - 255.0 * picture
        rows.append(
            {
                "picture": name,
                "change": float(np.abs(difference).mean()),
                "drift": float(np.abs(difference.mean(axis=(0, 1))).max()),
            }
        )
    return rows
