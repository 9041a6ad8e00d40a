"""Which pictures are trained on and which are watched."""

from pathlib import Path

from pipelines.images import find_pictures

SAMPLE_PICTURES = Path(__file__).parents[1] / "sample_pictures"


def split(data: Path | None = None, valid: Path | None = None):
    """Finds the pictures to train on and those to validate on.

    Args:
        data: Folder of photographs; None for the pictures that ship.
        valid: Folder to validate on; None takes every tenth picture of `data` away from training,
            at least one, or, where there is one picture alone, validates on that.

    Returns:
        The paths to train on, the paths to validate on, and where the latter come from, in words.

    Raises:
        ValueError: If a folder is missing or has no pictures.
    """
    paths = find_pictures(data or SAMPLE_PICTURES)
    if valid is not None:
        held_out = find_pictures(valid)
        return paths, held_out, f"{len(held_out)} pictures of {valid}"
    if len(paths) == 1:
        return paths, paths, "the one picture that is also trained on"
    held_out = paths[::10]
    kept = [path for path in paths if path not in set(held_out)]
    return kept, held_out, f"{len(held_out)} of them, held out"
