"""Sheets of degraded, restored and clean pictures side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_hyper.evaluation.score import score
from keras_hyper.restoration.preview import draw_sheet
from pipelines import Task, get_protocol
from pipelines.dataset.benchmark import benchmark_pairs
from pipelines.images import middle

SIDE = 256  # of a picture in pixels


def write_sheet(
    version: Path, picture: Path, task: Task, levels: Sequence[float], out: Path
) -> list[tuple[float, float, float]]:
    """Degrades the middle of a picture at some levels, restores it, and writes one picture.

    Args:
        version: Folder of a SavedModel.
        picture: A clean picture.
        task: The `Task` that degrades it.
        levels: One row of the sheet each, in the task's unit.
        out: The file; its suffix decides the format.

    Returns:
        Rows of level, PSNR of the degraded and PSNR of the restored picture in dB, over the whole.
    """

    def pixels(picture):
        part = np.clip(middle(picture, SIDE), 0, 1)
        return np.rint(np.broadcast_to(part, (*part.shape[:2], 3)) * 255).astype(np.uint8)

    rows = list(_rows(version, picture, task, levels))
    cells: list[tuple[str, np.ndarray]] = []
    for level, pictures, before, after in rows:
        labels = (f"level {level:g}: {before:.1f} dB", f"restored: {after:.1f} dB", "clean")
        cells += zip(labels, map(pixels, pictures), strict=True)
    draw_sheet(cells, 3, SIDE, out)
    return [(level, before, after) for level, _, before, after in rows]


def _rows(version, picture, task, levels):
    from keras_hyper.export.session import ServingSession

    on_luma = get_protocol(task).psnr_on == "luma"
    with ServingSession(version) as session:
        image = session.signatures["serving_default"].inputs["image"]
        channels = image.tensor_shape.dim[-1].size
        for level in levels:
            _, degraded, clean = next(benchmark_pairs([picture], task, level, channels))
            inputs = {"image": degraded[None], "level": np.array([level], np.float32)}
            restored = session.predict("serving_default", inputs)["restored"][0]
            before, after = (score(clean, other, on_luma)[0] for other in (degraded, restored))
            yield level, (degraded, restored, clean), before, after
