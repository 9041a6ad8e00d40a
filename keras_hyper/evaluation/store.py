"""A file of figures, from which an interrupted evaluation continues."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

# Part of every key: raised when a measurement changes but not its name.
VERSION = 1


class FigureStore:
    """An append-only file of figures, one line per picture and level.

    Args:
        path: The file; None writes nothing.
        reuse: Whether the figures in the file are used instead of new measurements.
    """

    def __init__(self, path: Path | None, reuse: bool):
        self.path = path
        self.known: dict[str, dict[str, float]] = {}
        text = path.read_text() if path is not None and path.exists() else ""
        # A run that was killed while writing leaves half a line.
        self.before = "\n" if text and not text.endswith("\n") else ""
        if reuse:
            for line in text.splitlines():
                self._remember(line)

    def _remember(self, line):
        try:
            record = json.loads(line)
            self.known[record["key"]] = record["figures"]
        except (ValueError, KeyError, TypeError):
            return  # half a line

    def __contains__(self, key: str) -> bool:
        return key in self.known

    def __getitem__(self, key: str) -> dict[str, float]:
        return self.known[key]

    def add(self, key: str, figures: dict[str, float], **facts: Any) -> None:
        """Adds the figures of one picture and level.

        Args:
            key: See `figure_key`.
            figures: By name.
            **facts: Further facts, for readers of the file.

        Raises:
            OSError: If the file cannot be written.
        """
        self.known[key] = figures
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = self.before + json.dumps({"key": key, **facts, "figures": figures}) + "\n"
        self.before = ""
        # One write, so that lines of several processes do not mix.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def figure_key(**facts: Any) -> str:
    """Returns the key of a measurement: a hash of all that its figures depend on.

    Example:
        >>> figure_key(level=25.0) == figure_key(level=25.0) != figure_key(level=15.0)
        True
    """
    text = json.dumps({"version": VERSION, **facts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
