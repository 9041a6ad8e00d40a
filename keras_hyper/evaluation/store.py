"""Figures as they come, so that a run that was interrupted goes on where it was."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

# Part of every key: raised when what is measured changes without its name changing.
VERSION = 1


class FigureStore:
    """A file of figures, one line a picture and level, that is only ever added to.

    Args:
        path: The file; None keeps nothing.
        reuse: Whether lines that are there already answer for new measurements.
    """

    def __init__(self, path: Path | None, reuse: bool):
        self.path = path
        self.known: dict[str, dict[str, float]] = {}
        text = path.read_text() if path is not None and path.exists() else ""
        # A run that was killed while it wrote leaves half a line; the next begins on its own.
        self.before = "\n" if text and not text.endswith("\n") else ""
        if reuse:
            for line in text.splitlines():
                self._remember(line)

    def _remember(self, line):
        try:
            record = json.loads(line)
            self.known[record["key"]] = record["figures"]
        except (ValueError, KeyError, TypeError):
            return  # half a line: measured again

    def __contains__(self, key: str) -> bool:
        return key in self.known

    def __getitem__(self, key: str) -> dict[str, float]:
        return self.known[key]

    def add(self, key: str, figures: dict[str, float], **facts: Any) -> None:
        """Keeps the figures of one picture and level.

        Args:
            key: See `figure_key`.
            figures: By name.
            **facts: What a person who opens the file wants to read beside them.

        Raises:
            OSError: If the file cannot be written.
        """
        self.known[key] = figures
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = self.before + json.dumps({"key": key, **facts, "figures": figures}) + "\n"
        self.before = ""
        # One write: a line of another process, or of a run that is killed, is not torn by it.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def figure_key(**facts: Any) -> str:
    """Returns the name of a measurement: a hash of all that its figures depend on.

    Example:
        >>> figure_key(level=25.0) == figure_key(level=25.0) != figure_key(level=15.0)
        True
    """
    text = json.dumps({"version": VERSION, **facts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
