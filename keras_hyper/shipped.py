"""Where the networks that ship are."""

from pathlib import Path


def shipped_models() -> Path:
    """Returns the folder of the shipped models: in the package if installed, else in the clone."""
    package = Path(__file__).resolve().parent
    installed = package / "saved_models"
    return installed if installed.is_dir() else package.parent / "saved_models"
